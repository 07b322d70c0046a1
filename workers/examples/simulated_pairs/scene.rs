use anyhow::Result;
use image::{Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder};
use rules::damage::{Detection, Region, Transform};

/// SplitMix64: another seed is another set of pairs, the same seed the same.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }
}

/// How the second photo was taken otherwise than the first.
pub(crate) struct Change {
    /// From the return photo to the pick-up photo, in shares.
    pub(crate) back: Transform,
    forth: Transform,
}

impl Change {
    /// Up to 6 degrees, a fifth nearer or farther, a tenth aside, and a few steps around the car.
    pub(crate) fn any(chance: &mut Chance) -> Self {
        let (turn, scale) = (chance.between(-0.1, 0.1), chance.between(0.85, 1.2));
        let (x, y) = (chance.between(-0.08, 0.08), chance.between(-0.05, 0.05));
        let (g, h) = (chance.between(-0.15, 0.15), chance.between(-0.08, 0.08));
        let (cos, sin) = (scale * turn.cos(), scale * turn.sin());
        // About the middle, so that the car stays in the picture.
        let middle = |matrix: [f64; 9]| {
            let to = [1.0, 0.0, -0.5, 0.0, 1.0, -0.5, 0.0, 0.0, 1.0];
            let from = [1.0, 0.0, 0.5, 0.0, 1.0, 0.5, 0.0, 0.0, 1.0];
            times(&from, &times(&matrix, &to))
        };
        let forth = middle([cos, -sin, x, sin, cos, y, g, h, 1.0]);
        Self { back: Transform(inverse(&forth)), forth: Transform(forth) }
    }

    /// The same scene, seen from there. What the first photo does not show is grey.
    pub(crate) fn moved(&self, picture: &RgbImage) -> RgbImage {
        let (width, height) = picture.dimensions();
        RgbImage::from_fn(width, height, |x, y| {
            let at = ((f64::from(x) + 0.5) / f64::from(width), (f64::from(y) + 0.5) / f64::from(height));
            let source = self.back.point(at.0, at.1);
            source.map_or(Rgb([110; 3]), |(x, y)| {
                between_pixels(picture, x * f64::from(width) - 0.5, y * f64::from(height) - 0.5)
            })
        })
    }

    /// The marks that are on the moved photo with most of themselves, where they are there.
    pub(crate) fn carried(&self, marks: &[Detection]) -> Vec<Detection> {
        let carried = |mark: &Detection| {
            let overlay = rules::damage::Overlay {
                layers: vec![rules::damage::Layer { transform: self.forth, points: Vec::new() }],
            };
            let placed = overlay.place(&mark.region)?;
            (placed.shown > 0.8).then(|| Detection { region: placed.region, ..mark.clone() })
        };
        marks.iter().filter_map(carried).collect()
    }
}

fn between_pixels(picture: &RgbImage, x: f64, y: f64) -> Rgb<u8> {
    let (width, height) = picture.dimensions();
    if x < 0.0 || y < 0.0 || x >= f64::from(width - 1) || y >= f64::from(height - 1) {
        return Rgb([110; 3]);
    }
    let (left, top) = (x as u32, y as u32);
    let (across, down) = (x.fract(), y.fract());
    let mix = |channel: usize| {
        let at = |x: u32, y: u32| f64::from(picture.get_pixel(x, y)[channel]);
        let upper = at(left, top) * (1.0 - across) + at(left + 1, top) * across;
        let lower = at(left, top + 1) * (1.0 - across) + at(left + 1, top + 1) * across;
        (upper * (1.0 - down) + lower * down).round() as u8
    };
    Rgb([mix(0), mix(1), mix(2)])
}

/// Copies one small mark of another photo to a place where none was, with soft edges.
pub(crate) fn paste(
    picture: &mut RgbImage,
    known: &[Detection],
    foreign: &RgbImage,
    marks: &[Detection],
    chance: &mut Chance,
) -> Option<Detection> {
    let mark = marks
        .iter()
        .filter(|mark| mark.region.width < 0.3 && mark.region.height < 0.3)
        .min_by(|one, other| one.region.area().total_cmp(&other.region.area()))?;
    let Region { width, height, .. } = mark.region;
    for _ in 0..50 {
        let (x, y) = (chance.between(0.2, 0.8 - width), chance.between(0.25, 0.85 - height));
        let Ok(region) = Region::new(x, y, width, height) else { continue };
        if known.iter().all(|other| other.region.iou(&region) == 0.0) {
            blend(picture, &region, foreign, &mark.region);
            return Some(Detection { region, ..mark.clone() });
        }
    }
    None
}

fn blend(picture: &mut RgbImage, to: &Region, foreign: &RgbImage, from: &Region) {
    let (width, height) = picture.dimensions();
    let pixel = |share: f64, side: u32| (share * f64::from(side)) as u32;
    for y in pixel(to.y, height)..pixel(to.y + to.height, height) {
        for x in pixel(to.x, width)..pixel(to.x + to.width, width) {
            let across = (f64::from(x) / f64::from(width) - to.x) / to.width;
            let down = (f64::from(y) / f64::from(height) - to.y) / to.height;
            let (u, v) = (from.x + across * from.width, from.y + down * from.height);
            let source = between_pixels(foreign, u * f64::from(foreign.width()), v * f64::from(foreign.height()));
            let edge = across.min(1.0 - across).min(down).min(1.0 - down).clamp(0.0, 0.2) / 0.2;
            for (value, other) in picture.get_pixel_mut(x, y).0.iter_mut().zip(source.0) {
                *value = (f64::from(*value) * (1.0 - edge) + f64::from(other) * edge).round() as u8;
            }
        }
    }
}

/// Other light, some grain, another compression.
pub(crate) fn as_by_another_camera(mut picture: RgbImage, chance: &mut Chance) -> Result<RgbImage> {
    let (gain, lift, gamma) = (chance.between(0.65, 1.3), chance.between(-15.0, 15.0), chance.between(0.75, 1.35));
    let slope = chance.between(-0.3, 0.3);
    let width = f64::from(picture.width());
    for (x, _, pixel) in picture.enumerate_pixels_mut() {
        let light = gain * (1.0 + slope * (f64::from(x) / width - 0.5));
        let grain = chance.between(-6.0, 6.0);
        for value in &mut pixel.0 {
            *value = ((f64::from(*value) / 255.0).powf(gamma) * 255.0 * light + lift + grain).clamp(0.0, 255.0) as u8;
        }
    }
    let mut jpeg = Vec::new();
    let (width, height) = (u16::try_from(picture.width())?, u16::try_from(picture.height())?);
    let quality = chance.between(50.0, 90.0) as u8;
    Encoder::new(&mut jpeg, quality).encode(picture.as_raw(), width, height, ColorType::Rgb)?;
    Ok(image::load_from_memory(&jpeg)?.into_rgb8())
}

fn times(one: &[f64; 9], other: &[f64; 9]) -> [f64; 9] {
    std::array::from_fn(|at| (0..3).map(|k| one[at / 3 * 3 + k] * other[k * 3 + at % 3]).sum())
}

fn inverse(m: &[f64; 9]) -> [f64; 9] {
    let minor = |a: usize, b: usize, c: usize, d: usize| m[a] * m[d] - m[b] * m[c];
    let adjugate = [
        minor(4, 5, 7, 8),
        minor(2, 1, 8, 7),
        minor(1, 2, 4, 5),
        minor(5, 3, 8, 6),
        minor(0, 2, 6, 8),
        minor(2, 0, 5, 3),
        minor(3, 4, 6, 7),
        minor(1, 0, 7, 6),
        minor(0, 1, 3, 4),
    ];
    adjugate.map(|value| value / adjugate[8])
}
