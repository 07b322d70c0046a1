/// A small generator of our own: pictures must not change with a library's version.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// SplitMix64.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Evenly between two values.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// Adds what a sensor adds: grain everywhere, a little more or less light, and at
/// night hardly any.
pub(super) fn develop(pixels: &mut [u8], seed: u64, night: bool) {
    let mut chance = Chance::new(seed);
    let exposure = chance.between(0.96, 1.04) * if night { 0.12 } else { 1.0 };
    for pixel in pixels.chunks_exact_mut(3) {
        // The sum of a few bytes is close enough to a bell curve.
        let bytes = chance.next().to_le_bytes();
        let grain = (bytes[..4].iter().map(|&byte| f32::from(byte)).sum::<f32>() - 510.0) / 40.0;
        for value in pixel {
            *value = (f32::from(*value) * exposure + grain * 0.8).clamp(0.0, 255.0) as u8;
        }
    }
}
