//! The gate: what a file must be to become evidence.
//!
//! Ordered by cost, so that a hostile file is refused by the cheapest check that
//! can: size, magic bytes, structure, header, and only then pixels.

use image::RgbImage;
use rules::photo::{Format, Limits, Quality};
use sha2::{Digest, Sha256};

pub use super::claim::{Claims, Position};
pub use super::refusal::Refusal;
use super::{container, decode, fingerprint::fingerprint, quality};

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
    /// For [`Limits::warnings`].
    pub quality: Quality,
    /// What copies of this photo share; `None` when it shows too little.
    pub fingerprint: Option<u64>,
}

/// Looks at a file that somebody calls a photo. `declared` is the content type
/// they gave; `None` or `application/octet-stream` declares nothing.
///
/// Reads only: the bytes stay what they were.
///
/// # Errors
/// A refusal with the code and sentence to answer with. A photo that is
/// merely dark or blurred is let in.
pub fn inspect(bytes: &[u8], declared: Option<&str>) -> Result<Inspected, Refusal> {
    inspect_and(bytes, declared, |_| ()).map(|(inspected, ())| inspected)
}

/// The same, and what else is to be learned from the pixels of a photo that is let in: as they are stored upright.
///
/// # Errors
/// As [`inspect`].
pub(crate) fn inspect_and<T>(
    bytes: &[u8],
    declared: Option<&str>,
    learn: impl FnOnce(&RgbImage) -> T,
) -> Result<(Inspected, T), Refusal> {
    let limits = Limits::default();
    limits.size(bytes.len() as u64)?;
    let format = container::sniff(bytes)?;
    agreed(declared, format)?;
    container::walk(bytes, format)?;

    decode::guarded(|| {
        let mut decoder = decode::open(bytes, format)?;
        let exif = decode::exif(&mut *decoder, bytes, format);
        let orientation = decode::orientation(exif.as_deref());
        let claims = Claims::read(exif);
        let picture = decode::turned(decode::whole(decoder, bytes, format)?, orientation);
        let quality = quality::measure(&picture);
        limits.visible(quality)?;

        let (width, height) = picture.dimensions();
        let (fingerprint, learned) = (fingerprint(&picture), learn(&picture));
        let sha256 = hex::encode(Sha256::digest(bytes));
        let orientation = orientation.to_exif();
        Ok((Inspected { format, width, height, orientation, claims, sha256, quality, fingerprint }, learned))
    })
}

/// Refuses a declared type that the bytes contradict: whoever sends one thing under
/// another's name is mistaken or means harm.
fn agreed(declared: Option<&str>, format: Format) -> Result<(), Refusal> {
    match declared.map(media_type).as_deref() {
        None | Some("" | "application/octet-stream") => Ok(()),
        Some(said) if said == format.as_str() => Ok(()),
        Some(said) => {
            let said: String = said.chars().filter(char::is_ascii_graphic).take(60).collect();
            Err(Refusal::format(format!("The file was sent as {said}, but it is {format}.")))
        }
    }
}

fn media_type(declared: &str) -> String {
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "image/jpg" { Format::Jpeg.as_str().to_owned() } else { essence }
}

#[cfg(test)]
mod tests;
