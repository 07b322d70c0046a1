//! The file around the pixels: which format it is, whether it is whole, and
//! whether something else is hidden in it. Reads structure only, decodes nothing.

mod jpeg;
mod png;
mod webp;

use rules::photo::{Format, PhotoRefused};

use super::refusal::{MAX_METADATA_BYTES, Refusal};

/// Reads the magic bytes; refuses everything but the three formats, and says
/// what it was where that helps.
pub(super) fn sniff(bytes: &[u8]) -> Result<Format, Refusal> {
    Format::sniff(bytes).map_err(|reason| match reason {
        PhotoRefused::Format => Refusal::format(unknown(bytes)),
        other => other.into(),
    })
}

/// Follows the file from its first byte to its last.
pub(super) fn walk(bytes: &[u8], format: Format) -> Result<(), Refusal> {
    match format {
        Format::Jpeg => jpeg::walk(bytes),
        Format::Png => png::walk(bytes),
        Format::Webp => webp::walk(bytes),
    }
}

/// EXIF that a decoder of the format does not see: behind the pixels of a PNG.
pub(super) fn late_exif(bytes: &[u8], format: Format) -> Option<&[u8]> {
    match format {
        Format::Png => png::exif(bytes),
        Format::Jpeg | Format::Webp => None,
    }
}

/// Bytes that decoding takes besides the pixels, from the header alone.
pub(super) fn beside_pixels(bytes: &[u8], format: Format) -> u64 {
    match format {
        Format::Jpeg => jpeg::coefficients(bytes),
        Format::Png | Format::Webp => 0,
    }
}

fn unknown(bytes: &[u8]) -> &'static str {
    let start = bytes.trim_ascii_start();
    if bytes.get(4..8) == Some(b"ftyp") {
        "HEIC and AVIF photos cannot be read yet: choose \"Most compatible\" (JPEG) in the camera's settings."
    } else if start.starts_with(b"<") {
        "This is a text document (such as SVG or HTML), not a photo. JPEG, PNG and WebP are taken."
    } else {
        "This is not a photo that can be read. JPEG, PNG and WebP are taken."
    }
}

/// Adds to the bytes of metadata seen so far.
fn count_metadata(total: &mut usize, more: usize) -> Result<(), Refusal> {
    *total += more;
    if *total > MAX_METADATA_BYTES {
        return Err(Refusal::format("The photo carries too much data beside its pixels."));
    }
    Ok(())
}

/// What transfers and tools leave behind a file, and nothing can be hidden in.
fn is_padding(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0x00 | 0xFF)
}

fn cut_off() -> Refusal {
    Refusal::damaged("The photo is not complete: its end is missing. Please send it again.")
}

fn foreign_data() -> Refusal {
    Refusal::format("Another file is attached behind the photo. Please send the photo alone.")
}

fn animated() -> Refusal {
    Refusal::format("Animated pictures are not taken. Please send one photo.")
}
