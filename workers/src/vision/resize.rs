//! Smaller copies of pictures in memory.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

/// The size with the given longer side, or the size itself where it is smaller.
pub(super) fn fit(width: u32, height: u32, long_side: u32) -> (u32, u32) {
    let scale = f64::from(long_side) / f64::from(width.max(height).max(1));
    if scale >= 1.0 {
        return (width, height);
    }
    let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).max(1);
    (side(width), side(height))
}

/// What figures are computed from: they were chosen with this filter.
pub(super) fn shrink(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    if (width, height) == picture.dimensions() {
        return picture.clone();
    }
    let (from, to, mut small) = (picture.dimensions(), (width, height), Vec::new());
    resize(picture.as_raw(), from, PixelType::U8x3, &mut small, to, FilterType::CatmullRom);
    RgbImage::from_raw(width, height, small).expect("the buffer was made for this size")
}

/// Makes planes smaller that people look at: as sharp as by the other filter, in two thirds of the time.
///
/// It keeps its buffers for the next plane: filling new ones with zeros takes as long as weaving.
#[derive(Default)]
pub(super) struct Shrinker {
    lines: Vec<u8>,
    woven: Vec<[u8; 4]>,
}

impl Shrinker {
    /// Lays the plane in its new size behind what is there.
    pub(super) fn shrink(&mut self, plane: &[u8], from: (u32, u32), to: (u32, u32), behind: &mut Vec<u8>) {
        if from == to {
            behind.extend_from_slice(plane);
            return;
        }
        // First down, then across: the way across is the slower one, and has fewer lines to go so.
        let low = (from.0, to.1);
        resize(plane, from, PixelType::U8, &mut self.lines, low, FilterType::Hamming);
        self.narrow(low, to.0, behind);
    }

    /// The lines in another width. They go four at a time, as the four channels of one line: the library takes a fifth of
    /// the time for that, and weaving takes less than it saves. The values are the same.
    fn narrow(&mut self, (from, height): (u32, u32), to: u32, behind: &mut Vec<u8>) {
        let fours = height.div_ceil(4);
        weave(&self.lines[..(from * height) as usize], from as usize, &mut self.woven);
        let woven = self.woven.as_flattened();
        resize(woven, (from, fours), PixelType::U8x4, &mut self.lines, (to, fours), FilterType::Hamming);
        unweave(&self.lines[..(4 * to * fours) as usize], to as usize, height as usize, behind);
    }
}

/// Every four lines as one of pixels with four channels; the last line again where some are missing.
fn weave(lines: &[u8], width: usize, woven: &mut Vec<[u8; 4]>) {
    woven.clear();
    woven.reserve(lines.len().div_ceil(4 * width) * width);
    for four in lines.chunks(4 * width) {
        let line = |place| four.chunks_exact(width).nth(place).unwrap_or(&four[four.len() - width..]);
        // A number, not an array of four: only this becomes vector instructions.
        let number = |value: &u8, place: u32| u32::from(*value) << (8 * place);
        let values = line(0).iter().zip(line(1)).zip(line(2)).zip(line(3));
        woven.extend(values.map(|(((first, second), third), fourth)| {
            (number(first, 0) | number(second, 1) | number(third, 2) | number(fourth, 3)).to_le_bytes()
        }));
    }
}

/// The lines that were woven, behind what is there.
fn unweave(woven: &[u8], width: usize, height: usize, behind: &mut Vec<u8>) {
    let (woven, _) = woven.as_chunks::<4>();
    let each = woven.chunks_exact(width).flat_map(|pixels| [0_u32, 8, 16, 24].map(|shift| (pixels, shift)));
    for (pixels, shift) in each.take(height) {
        behind.extend(pixels.iter().map(|pixel| (u32::from_le_bytes(*pixel) >> shift) as u8));
    }
}

/// Writes to the beginning of a buffer, which grows where it is too short.
fn resize(values: &[u8], from: (u32, u32), pixel: PixelType, buffer: &mut Vec<u8>, to: (u32, u32), filter: FilterType) {
    let source = ImageRef::new(from.0, from.1, values, pixel).expect("a picture holds all its pixels");
    let needed = to.0 as usize * to.1 as usize * pixel.size();
    if buffer.len() < needed {
        buffer.resize(needed, 0);
    }
    let small = Image::from_slice_u8(to.0, to.1, &mut buffer[..needed], pixel);
    let mut small = small.expect("the buffer was made for this size");
    // No channel of ours is an alpha.
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    Resizer::new().resize(&source, &mut small, &options).expect("both pictures are of one type and not empty");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_the_same_four_at_a_time_as_alone() {
        let mut shrinker = Shrinker::default();
        for (width, height) in [(1, 1), (7, 2), (16, 3), (33, 4), (64, 5), (100, 6), (255, 7), (400, 40)] {
            let noise = |place: u32| (place.wrapping_mul(2_654_435_761) >> 24) as u8;
            let lines: Vec<u8> = (0..width * height).map(noise).collect();
            for to in [1, width.div_ceil(3), width.div_ceil(2), width] {
                let mut alone = Vec::new();
                resize(&lines, (width, height), PixelType::U8, &mut alone, (to, height), FilterType::Hamming);
                let mut together = Vec::new();
                shrinker.lines.clone_from(&lines);
                shrinker.narrow((width, height), to, &mut together);
                assert!(alone == together, "{width} by {height} pixels become {to} wide");
            }
        }
    }

    #[test]
    fn what_was_shrunk_before_leaves_nothing_in_the_next_plane() {
        let plane =
            |(width, height): (u32, u32)| (0..width * height).map(|place| (place % 251) as u8).collect::<Vec<_>>();
        let shrink = |shrinker: &mut Shrinker, from, to| {
            let mut small = Vec::new();
            shrinker.shrink(&plane(from), from, to, &mut small);
            small
        };
        let mut used = Shrinker::default();
        for (from, to) in [((400, 300), (320, 240)), ((90, 67), (33, 25)), ((200, 150), (16, 12)), ((50, 7), (49, 5))] {
            let small = shrink(&mut used, from, to);
            assert_eq!(small.len(), (to.0 * to.1) as usize);
            assert!(small == shrink(&mut Shrinker::default(), from, to), "{from:?} becomes {to:?}");
        }
    }
}
