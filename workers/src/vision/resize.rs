//! Smaller copies of pictures in memory.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{GrayImage, RgbImage};

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
    let small =
        resized(picture.as_raw(), picture.dimensions(), PixelType::U8x3, (width, height), FilterType::CatmullRom);
    RgbImage::from_raw(width, height, small).expect("the buffer was made for this size")
}

/// What people look at: as sharp as by the other filter, in two thirds of the time.
pub(super) fn shrink_plane(plane: GrayImage, width: u32, height: u32) -> GrayImage {
    if (width, height) == plane.dimensions() {
        return plane;
    }
    // First down, then across: the way across is the slower one, and has fewer lines to go so.
    let low = (plane.width(), height);
    let lines = resized(plane.as_raw(), plane.dimensions(), PixelType::U8, low, FilterType::Hamming);
    let small = narrowed(&lines, low, width);
    GrayImage::from_raw(width, height, small).expect("the buffer was made for this size")
}

/// Lines of another width. They go four at a time, as the four channels of one line: the library takes a fifth of
/// the time for that, and weaving takes less than it saves. The values are the same.
fn narrowed(lines: &[u8], (from, height): (u32, u32), to: u32) -> Vec<u8> {
    let fours = height.div_ceil(4);
    let woven = woven(lines, from as usize);
    let narrow = resized(woven.as_flattened(), (from, fours), PixelType::U8x4, (to, fours), FilterType::Hamming);
    unwoven(narrow.as_chunks().0, to as usize, height as usize)
}

/// Every four lines as one of pixels with four channels; the last line again where some are missing.
fn woven(lines: &[u8], width: usize) -> Vec<[u8; 4]> {
    let mut woven = Vec::with_capacity(lines.len().div_ceil(4 * width) * width);
    for four in lines.chunks(4 * width) {
        let line = |place| four.chunks_exact(width).nth(place).unwrap_or(&four[four.len() - width..]);
        // A number, not an array of four: only this becomes vector instructions.
        let number = |value: &u8, place: u32| u32::from(*value) << (8 * place);
        let values = line(0).iter().zip(line(1)).zip(line(2)).zip(line(3));
        woven.extend(values.map(|(((first, second), third), fourth)| {
            (number(first, 0) | number(second, 1) | number(third, 2) | number(fourth, 3)).to_le_bytes()
        }));
    }
    woven
}

/// The lines of [`woven()`].
fn unwoven(woven: &[[u8; 4]], width: usize, height: usize) -> Vec<u8> {
    let mut lines = Vec::with_capacity(width * height);
    let each = woven.chunks_exact(width).flat_map(|pixels| [0_u32, 8, 16, 24].map(|shift| (pixels, shift)));
    for (pixels, shift) in each.take(height) {
        lines.extend(pixels.iter().map(|pixel| (u32::from_le_bytes(*pixel) >> shift) as u8));
    }
    lines
}

fn resized(values: &[u8], from: (u32, u32), pixel: PixelType, to: (u32, u32), filter: FilterType) -> Vec<u8> {
    let source = ImageRef::new(from.0, from.1, values, pixel).expect("a picture holds all its pixels");
    let mut small = Image::new(to.0, to.1, pixel);
    // No channel of ours is an alpha.
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    Resizer::new().resize(&source, &mut small, &options).expect("both pictures are of one type and not empty");
    small.into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_the_same_four_at_a_time_as_alone() {
        for (width, height) in [(1, 1), (7, 2), (16, 3), (33, 4), (64, 5), (100, 6), (255, 7), (400, 40)] {
            let noise = |place: u32| (place.wrapping_mul(2_654_435_761) >> 24) as u8;
            let lines: Vec<u8> = (0..width * height).map(noise).collect();
            for to in [1, width.div_ceil(3), width.div_ceil(2), width] {
                let alone = resized(&lines, (width, height), PixelType::U8, (to, height), FilterType::Hamming);
                let together = narrowed(&lines, (width, height), to);
                assert!(alone == together, "{width} by {height} pixels become {to} wide");
            }
        }
    }
}
