/// A small generator of our own: an overlay must not change with a library's version.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn seeded() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// SplitMix64, below a limit.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}
