//! From bytes to upright pixels, under limits.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::{jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageResult, Limits, RgbImage};

use rules::photo::{Format, Limits as Allowed, PhotoRefused};

use super::container::{beside_pixels, sniff};
use super::jpeg;
use super::refusal::{MAX_DECODED_BYTES, Refusal};

/// Decodes a photo that the gate let in: turned as its EXIF says, 8-bit RGB,
/// transparency dropped.
///
/// Takes up to three bytes per pixel, and twice that for a moment when the photo
/// is turned or not 8-bit RGB: 72 MB for 12 megapixels. While a progressive JPEG is decoded, its coefficients
/// take as much again or twice that; what would come to more than a photo may take is not let in.
///
/// # Errors
/// The same refusals as the gate: what cannot be decoded here is damaged.
pub fn upright(bytes: &[u8]) -> Result<RgbImage, Refusal> {
    upright_within(bytes, Allowed::default(), None)
}

/// The same for whoever needs no more than so many pixels of the longer side: a larger JPEG is decoded at
/// the smallest of an eighth, a quarter and a half that has them.
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
        let size = decoder.dimensions();
        let reduced = long_side.filter(|_| format == Format::Jpeg).and_then(|side| jpeg::pixels(bytes, size, side));
        let Some(reduced) = reduced else { return pixels(decoder) };
        let mut picture = DynamicImage::ImageRgb8(reduced);
        picture.apply_orientation(orientation(&mut *decoder));
        Ok(picture.into_rgb8())
    })
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

pub(super) fn pixels(mut decoder: Box<dyn ImageDecoder + '_>) -> Result<RgbImage, Refusal> {
    let orientation = orientation(&mut *decoder);
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| refusal(&error))?;
    let mut picture = DynamicImage::ImageRgb8(picture.into_rgb8());
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

/// How a picture must be turned; one that does not say stays as it is.
pub(super) fn orientation(decoder: &mut dyn ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
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
