//! The small copies of a photo that pages and mails show.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::decode;
use super::refusal::Refusal;

/// The longer side of each copy in pixels, largest first, and its name in keys and rows.
const VARIANTS: [(u32, &str); 3] = [(1600, "1600"), (640, "640"), (160, "160")];

const QUALITY: u8 = 80;

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
    let mut source = decode::upright(original)?;
    let mut derivatives = Vec::with_capacity(VARIANTS.len());
    for (long_side, variant) in VARIANTS {
        let (width, height) = fit(source.width(), source.height(), long_side);
        // Each copy is made from the one before: far fewer pixels to read.
        source = shrink(&source, width, height);
        derivatives.push(Derivative { variant, width, height, jpeg: encode(&source) });
    }
    Ok(derivatives)
}

/// The size with the given longer side, or the size itself where it is smaller.
pub(super) fn fit(width: u32, height: u32, long_side: u32) -> (u32, u32) {
    let scale = f64::from(long_side) / f64::from(width.max(height).max(1));
    if scale >= 1.0 {
        return (width, height);
    }
    let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).max(1);
    (side(width), side(height))
}

pub(super) fn shrink(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    if (width, height) == picture.dimensions() {
        return picture.clone();
    }
    let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3)
        .expect("an RGB image holds three bytes per pixel");
    let mut small = Image::new(width, height, PixelType::U8x3);
    let filter = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    Resizer::new().resize(&source, &mut small, &filter).expect("both images are 8-bit RGB and not empty");
    RgbImage::from_raw(width, height, small.into_vec()).expect("the buffer was made for this size")
}

fn encode(picture: &RgbImage) -> Vec<u8> {
    let side = |pixels: u32| u16::try_from(pixels).expect("no copy is wider than 1600 pixels");
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder
        .encode(picture.as_raw(), side(picture.width()), side(picture.height()), ColorType::Rgb)
        .expect("writing a non-empty picture to memory cannot fail");
    jpeg
}

#[cfg(test)]
mod tests;
