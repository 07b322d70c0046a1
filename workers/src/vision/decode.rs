//! From bytes to upright pixels, under limits.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::{jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageResult, Limits, RgbImage, RgbaImage};

use rules::photo::{Format, Limits as Allowed, PhotoRefused};

use super::container::{beside_pixels, late_exif, sniff};
use super::jpeg;
use super::refusal::{MAX_DECODED_BYTES, Refusal};
use super::resize::shrink;

/// Decodes a photo that the gate let in: turned as its EXIF says, 8-bit RGB,
/// transparency dropped.
///
/// Takes what [`takes`] says: 72 MB for 12 megapixels.
///
/// # Errors
/// The same refusals as the gate: what cannot be decoded here is damaged.
pub fn upright(bytes: &[u8]) -> Result<RgbImage, Refusal> {
    upright_within(bytes, Allowed::default(), None)
}

/// The same for whoever needs no more than so many pixels of the longer side: a larger photo comes at the smallest of
/// an eighth, a quarter and a half that has them. A JPEG is decoded so, others are shrunk before they are turned.
///
/// # Errors
/// As for [`upright`].
pub fn upright_from(bytes: &[u8], long_side: u32) -> Result<RgbImage, Refusal> {
    upright_within(bytes, Allowed::default(), Some(long_side))
}

/// Either for photos that no customer sent: those that models are trained and scored on are
/// often smaller than the gate asks for.
///
/// # Errors
/// As for [`upright`], apart from a photo that is too small.
pub fn upright_however_small(bytes: &[u8], long_side: Option<u32>) -> Result<RgbImage, Refusal> {
    upright_within(bytes, Allowed { min_long_side: 1, ..Allowed::default() }, long_side)
}

fn upright_within(bytes: &[u8], allowed: Allowed, long_side: Option<u32>) -> Result<RgbImage, Refusal> {
    let format = sniff(bytes)?;
    guarded(|| {
        let mut decoder = open_within(bytes, format, allowed)?;
        let orientation = orientation(exif(&mut *decoder, bytes, format).as_deref());
        let picture = match long_side {
            Some(long_side) => reduced(decoder, bytes, format, long_side)?,
            None => pixels(decoder)?,
        };
        Ok(turned(picture, orientation))
    })
}

/// Bytes that decoding a photo takes at most, by its header: the pixels as they are stored, the coefficients of a
/// progressive JPEG, and three bytes per pixel for 8-bit RGB or for turning it. 0 for what is refused at once.
pub fn takes(bytes: &[u8]) -> u64 {
    let needed = || {
        let format = sniff(bytes)?;
        let decoder = open_within(bytes, format, Allowed { min_long_side: 1, ..Allowed::default() })?;
        let (width, height) = decoder.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        Ok(decoder.total_bytes() + beside_pixels(bytes, format) + 3 * pixels)
    };
    guarded(needed).unwrap_or_default()
}

/// Runs a decoder such that its panic on a hostile file is a damaged photo and
/// not the end of a worker's job.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(undecodable()))
}

/// Reads the header and refuses what is too large or too small, before a pixel is decoded.
pub(super) fn open(bytes: &[u8], format: Format) -> Result<Box<dyn ImageDecoder + '_>, Refusal> {
    open_within(bytes, format, Allowed::default())
}

fn open_within(bytes: &[u8], format: Format, allowed: Allowed) -> Result<Box<dyn ImageDecoder + '_>, Refusal> {
    let decoder = decoder(bytes, format).map_err(|error| refusal(&error))?;
    let (width, height) = decoder.dimensions();
    allowed.dimensions(width, height)?;
    if decoder.total_bytes() > MAX_DECODED_BYTES {
        return Err(PhotoRefused::TooManyPixels.into());
    }
    if decoder.total_bytes() + beside_pixels(bytes, format) > MAX_DECODED_BYTES {
        return Err(Refusal::layered());
    }
    Ok(decoder)
}

fn decoder(bytes: &[u8], format: Format) -> ImageResult<Box<dyn ImageDecoder + '_>> {
    let reader = Cursor::new(bytes);
    Ok(match format {
        Format::Jpeg => Box::new(JpegDecoder::new(reader)?),
        Format::Png => Box::new(PngDecoder::with_limits(reader, limits())?),
        Format::Webp => Box::new(WebPDecoder::new(reader)?),
    })
}

/// All pixels as they are stored, of a photo that must be whole.
pub(super) fn whole(decoder: Box<dyn ImageDecoder + '_>, bytes: &[u8], format: Format) -> Result<RgbImage, Refusal> {
    let of_jpeg = match format {
        Format::Jpeg => jpeg::whole(bytes, decoder.dimensions())?,
        Format::Png | Format::Webp => None,
    };
    of_jpeg.map_or_else(|| pixels(decoder), Ok)
}

/// The pixels as they are stored, at the smallest fraction of an eighth, a quarter, a half and one that has so many on
/// the longer side.
pub(super) fn reduced(
    decoder: Box<dyn ImageDecoder + '_>,
    bytes: &[u8],
    format: Format,
    long_side: u32,
) -> Result<RgbImage, Refusal> {
    let of_jpeg = (format == Format::Jpeg).then(|| jpeg::pixels(bytes, decoder.dimensions(), long_side)).flatten();
    if let Some(picture) = of_jpeg {
        return Ok(picture);
    }
    let picture = pixels(decoder)?;
    let (width, height) = picture.dimensions();
    let fraction = [8, 4, 2].into_iter().find(|by| width.max(height).div_ceil(*by) >= long_side);
    Ok(match fraction {
        Some(by) => shrink(&picture, width.div_ceil(by), height.div_ceil(by)),
        None => picture,
    })
}

fn pixels(decoder: Box<dyn ImageDecoder + '_>) -> Result<RgbImage, Refusal> {
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| refusal(&error))?;
    Ok(match picture {
        DynamicImage::ImageRgba8(picture) => opaque(picture),
        picture => picture.into_rgb8(),
    })
}

/// Drops the transparency where the pixels lie: a copy of the largest would take 150 MB beside their 200.
fn opaque(picture: RgbaImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let mut values = picture.into_raw();
    let pixels = values.len() / 4;
    for pixel in 1..pixels {
        values.copy_within(4 * pixel..4 * pixel + 3, 3 * pixel);
    }
    values.truncate(3 * pixels);
    values.shrink_to_fit();
    RgbImage::from_raw(width, height, values).expect("three values are left of each pixel")
}

pub(super) fn turned(picture: RgbImage, orientation: Orientation) -> RgbImage {
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(orientation);
    picture.into_rgb8()
}

/// What the camera wrote into the file, wherever it stands.
pub(super) fn exif(decoder: &mut dyn ImageDecoder, bytes: &[u8], format: Format) -> Option<Vec<u8>> {
    decoder.exif_metadata().ok().flatten().or_else(|| late_exif(bytes, format).map(<[u8]>::to_vec))
}

/// How a picture must be turned; one that does not say stays as it is.
pub(super) fn orientation(exif: Option<&[u8]>) -> Orientation {
    exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    limits
}

fn refusal(error: &ImageError) -> Refusal {
    tracing::debug!(%error, "photo not decoded");
    undecodable()
}

fn undecodable() -> Refusal {
    Refusal::damaged("The photo is damaged and cannot be shown. Please send it again.")
}
