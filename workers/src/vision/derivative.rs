//! The small copies of a photo that pages and mails show.

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, Rgb, RgbImage};
use rules::photo::Format;

use super::colour::Foreign;
use super::container::sniff;
use super::decode;
use super::jpeg::{self, Planes, area};
use super::refusal::Refusal;
use super::resize::{Shrinker, fit, shrink};

/// The longer side of a copy in pixels, and its name in keys and rows.
pub type Variant = (u32, &'static str);

/// Largest first.
const VARIANTS: [Variant; 3] = [(1600, "1600"), (640, "640"), (160, "160")];

const QUALITY: i32 = 80;

/// One small copy: upright, in sRGB, without EXIF, GPS or any other metadata.
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
    let mut shrinker = Shrinker::default();
    let mut source = read(original, largest, &mut shrinker)?;
    let mut derivatives = Vec::with_capacity(N);
    for (long_side, variant) in variants {
        // Each copy is made from the one before: far fewer pixels to read.
        source = within(source, long_side, &mut shrinker);
        let (width, height) = source.luma;
        derivatives.push(Derivative { variant, width, height, jpeg: jpeg::encode(&source, QUALITY) });
    }
    Ok(derivatives)
}

/// An upright photo whose longer side has at most so many pixels, in planes: those of a JPEG need
/// no conversion, and shrinking them costs half. Colours that are not those of sRGB do.
fn read(original: &[u8], long_side: u32, shrinker: &mut Shrinker) -> Result<Planes, Refusal> {
    let format = sniff(original)?;
    decode::guarded(|| {
        let mut decoder = decode::open(original, format)?;
        let orientation = decode::orientation(decode::exif(&mut *decoder, original, format).as_deref());
        let colours = Foreign::of(decoder.icc_profile().ok().flatten().as_deref());
        let size = decoder.dimensions();
        let as_it_is = format == Format::Jpeg && colours.is_none();
        let planes = as_it_is.then(|| jpeg::planes(original, size, long_side)).flatten();
        let planes = match planes {
            Some(planes) => planes,
            None => {
                let picture = decode::reduced(decoder, original, format, long_side)?;
                let (width, height) = fit(picture.width(), picture.height(), long_side);
                let small = shrink(&picture, width, height);
                split(&match colours {
                    Some(colours) => colours.shown(small),
                    None => small,
                })
            }
        };
        // Turned when it is small.
        Ok(turned(within(planes, long_side, shrinker), orientation))
    })
}

/// Planes whose longer side has at most so many pixels, with chroma at half the width and height.
fn within(planes: Planes, long_side: u32, shrinker: &mut Shrinker) -> Planes {
    let luma = fit(planes.luma.0, planes.luma.1, long_side);
    let chroma = (luma.0.div_ceil(2), luma.1.div_ceil(2));
    if (luma, chroma) == (planes.luma, planes.chroma) {
        return planes;
    }
    let mut values = Vec::with_capacity(area(luma) + 2 * area(chroma));
    for ((plane, from), to) in planes.each().into_iter().zip([luma, chroma, chroma]) {
        shrinker.shrink(plane, from, to, &mut values);
    }
    Planes { values, luma, chroma }
}

fn turned(planes: Planes, orientation: Orientation) -> Planes {
    if orientation == Orientation::NoTransforms {
        return planes;
    }
    let turned = planes.each().map(|(plane, (width, height))| {
        let plane = GrayImage::from_raw(width, height, plane.to_vec()).expect("there is a value for each pixel");
        let mut plane = DynamicImage::ImageLuma8(plane);
        plane.apply_orientation(orientation);
        plane.into_luma8()
    });
    let (luma, chroma) = (turned[0].dimensions(), turned[1].dimensions());
    Planes { values: turned.map(GrayImage::into_raw).concat(), luma, chroma }
}

/// The planes of a picture, by the matrix of JFIF.
fn split(picture: &RgbImage) -> Planes {
    let mut values = Vec::with_capacity(picture.as_raw().len());
    for (offset, weights) in
        [(0.0, [0.299, 0.587, 0.114]), (128.0, [-0.168_736, -0.331_264, 0.5]), (128.0, [0.5, -0.418_688, -0.081_312])]
    {
        let value = |pixel: &Rgb<u8>| {
            pixel.0.iter().zip(weights).fold(offset, |sum: f32, (value, weight)| sum + weight * f32::from(*value))
        };
        values.extend(picture.pixels().map(|pixel| value(pixel).round().clamp(0.0, 255.0) as u8));
    }
    Planes { values, luma: picture.dimensions(), chroma: picture.dimensions() }
}

#[cfg(test)]
mod tests;
