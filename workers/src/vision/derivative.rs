//! The small copies of a photo that pages and mails show.

use image::{DynamicImage, GrayImage, ImageDecoder, Rgb, RgbImage};
use rules::photo::Format;

use super::container::sniff;
use super::decode;
use super::jpeg::{self, Planes};
use super::refusal::Refusal;
use super::resize::{fit, shrink, shrink_plane};

/// The longer side of a copy in pixels, and its name in keys and rows.
pub type Variant = (u32, &'static str);

/// Largest first.
const VARIANTS: [Variant; 3] = [(1600, "1600"), (640, "640"), (160, "160")];

const QUALITY: i32 = 80;

/// One small copy: upright, without EXIF, GPS or any other metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivative {
    pub variant: &'static str,
    pub width: u32,
    pub height: u32,
    pub jpeg: Vec<u8>,
}

/// Makes the three copies of a photo, largest first. A copy is never larger than
/// the photo. The same bytes give the same copies, so a repeat overwrites
/// an object with itself.
///
/// # Errors
/// A refusal when the photo cannot be decoded.
pub fn derive(original: &[u8]) -> Result<Vec<Derivative>, Refusal> {
    derive_as(original, VARIANTS)
}

/// The same in other sizes, largest first.
///
/// # Errors
/// As [`derive()`].
pub fn derive_as<const N: usize>(original: &[u8], variants: [Variant; N]) -> Result<Vec<Derivative>, Refusal> {
    let largest = variants.first().map_or(0, |(long_side, _)| *long_side);
    let mut source = read(original, largest)?;
    let mut derivatives = Vec::with_capacity(N);
    for (long_side, variant) in variants {
        // Each copy is made from the one before: far fewer pixels to read.
        source = within(source, long_side);
        let (width, height) = source[0].dimensions();
        derivatives.push(Derivative { variant, width, height, jpeg: jpeg::encode(&source, QUALITY) });
    }
    Ok(derivatives)
}

/// An upright photo whose longer side has at most so many pixels, in planes: those of a JPEG need
/// no conversion, and shrinking them costs half.
fn read(original: &[u8], long_side: u32) -> Result<Planes, Refusal> {
    let format = sniff(original)?;
    decode::guarded(|| {
        let mut decoder = decode::open(original, format)?;
        let orientation = decode::orientation(&mut *decoder);
        let size = decoder.dimensions();
        let planes = (format == Format::Jpeg).then(|| jpeg::planes(original, size, long_side)).flatten();
        let Some(planes) = planes else {
            let picture = decode::pixels(decoder)?;
            let (width, height) = fit(picture.width(), picture.height(), long_side);
            return Ok(within(split(&shrink(&picture, width, height)), long_side));
        };
        // Turned when it is small.
        Ok(within(planes, long_side).map(|plane| {
            let mut plane = DynamicImage::ImageLuma8(plane);
            plane.apply_orientation(orientation);
            plane.into_luma8()
        }))
    })
}

/// Planes whose longer side has at most so many pixels, with chroma at half the width and height.
fn within([luma, blue, red]: Planes, long_side: u32) -> Planes {
    let (width, height) = fit(luma.width(), luma.height(), long_side);
    let chroma = |plane| shrink_plane(plane, width.div_ceil(2), height.div_ceil(2));
    [shrink_plane(luma, width, height), chroma(blue), chroma(red)]
}

/// The planes of a picture, by the matrix of JFIF.
fn split(picture: &RgbImage) -> Planes {
    let plane = |offset: f32, weights: [f32; 3]| {
        let value = |pixel: &Rgb<u8>| {
            pixel.0.iter().zip(weights).fold(offset, |sum, (value, weight)| sum + weight * f32::from(*value))
        };
        let values = picture.pixels().map(|pixel| value(pixel).round().clamp(0.0, 255.0) as u8).collect();
        GrayImage::from_raw(picture.width(), picture.height(), values).expect("there is a value for each pixel")
    };
    [
        plane(0.0, [0.299, 0.587, 0.114]),
        plane(128.0, [-0.168_736, -0.331_264, 0.5]),
        plane(128.0, [0.5, -0.418_688, -0.081_312]),
    ]
}

#[cfg(test)]
mod tests;
