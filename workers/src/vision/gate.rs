//! The gate: what a file must be to become evidence.
//!
//! Ordered by cost, so that a hostile file is refused by the cheapest check that
//! can: size, magic bytes, structure, header, and only then pixels.

use image::ImageDecoder;
use image::metadata::Orientation;
use sha2::{Digest, Sha256};

pub use super::claim::{Claims, Position};
pub use super::container::Format;
pub use super::quality::Warning;
pub use super::refusal::Refusal;
use super::decode;
use super::quality::Quality;
use super::refusal::{MAX_BYTES, MIN_LONG_SIDE};

/// A file that is a photo, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    pub format: Format,
    /// Pixels across, once turned upright.
    pub width: u32,
    /// Pixels down, once turned upright.
    pub height: u32,
    /// How the stored pixels must be turned, as in EXIF: 1 (not at all) to 8.
    pub orientation: u8,
    pub claims: Claims,
    /// Of the bytes as they were sent, in hexadecimal.
    pub sha256: String,
    /// Variance of the Laplacian at 640 pixels; a sharp photo has hundreds.
    pub sharpness: f32,
    /// Mean luma, 0 (black) to 255 (white).
    pub brightness: f32,
    pub warnings: Vec<Warning>,
}

/// Looks at a file that somebody calls a photo. `declared` is the content type
/// they gave; `None` or `application/octet-stream` declares nothing.
///
/// Reads only: the bytes stay what they were.
///
/// # Errors
/// A refusal with the code and sentence to answer with. A photo that is
/// merely dark or blurred is let in with a warning.
pub fn inspect(bytes: &[u8], declared: Option<&str>) -> Result<Inspected, Refusal> {
    let format = recognise(bytes, declared)?;
    format.walk(bytes)?;

    decode::guarded(|| {
        let mut decoder = decode::open(bytes, format)?;
        large_enough(decoder.dimensions())?;
        let claims = Claims::read(decoder.exif_metadata().ok().flatten());
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms).to_exif();
        let picture = decode::pixels(decoder)?;
        let quality = Quality::measure(&picture);

        Ok(Inspected {
            format,
            width: picture.width(),
            height: picture.height(),
            orientation,
            claims,
            sha256: hex::encode(Sha256::digest(bytes)),
            sharpness: quality.sharpness,
            brightness: quality.brightness,
            warnings: quality.warnings(),
        })
    })
}

fn recognise(bytes: &[u8], declared: Option<&str>) -> Result<Format, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::empty());
    }
    if bytes.len() > MAX_BYTES {
        return Err(Refusal::too_large());
    }
    let format = Format::sniff(bytes)?;
    match declared.map(media_type).as_deref() {
        None | Some("" | "application/octet-stream") => Ok(format),
        Some(said) if said == format.content_type() => Ok(format),
        Some(said) => Err(contradiction(said, format)),
    }
}

fn media_type(declared: &str) -> String {
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "image/jpg" { Format::Jpeg.content_type().to_owned() } else { essence }
}

fn contradiction(said: &str, format: Format) -> Refusal {
    let is = format.content_type();
    let said: String = said.chars().filter(|letter| letter.is_ascii_graphic()).take(60).collect();
    Refusal::format(format!("The file was sent as {said}, but it is {is}."))
}

fn large_enough((width, height): (u32, u32)) -> Result<(), Refusal> {
    if width.max(height) < MIN_LONG_SIDE { Err(Refusal::too_small(width, height)) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
