//! The file around the pixels: which format it is, whether it is whole, and
//! whether something else is hidden in it. Reads structure only, decodes nothing.

mod jpeg;
mod png;
mod webp;

use super::refusal::{MAX_METADATA_BYTES, Refusal};

/// A picture format that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Jpeg,
    Png,
    Webp,
}

impl Format {
    /// The media type, as in `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }

    /// The ending of an object key, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }

    /// Reads the magic bytes; refuses everything but the three formats, and says
    /// what it was where that helps.
    pub(super) fn sniff(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
            Ok(Self::Jpeg)
        } else if bytes.starts_with(png::SIGNATURE) {
            Ok(Self::Png)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Ok(Self::Webp)
        } else {
            Err(Refusal::format(unknown(bytes)))
        }
    }

    /// Follows the file from its first byte to its last.
    pub(super) fn walk(self, bytes: &[u8]) -> Result<(), Refusal> {
        match self {
            Self::Jpeg => jpeg::walk(bytes),
            Self::Png => png::walk(bytes),
            Self::Webp => webp::walk(bytes),
        }
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

fn cut_off() -> Refusal {
    Refusal::damaged("The photo is not complete: its end is missing. Please send it again.")
}

fn foreign_data() -> Refusal {
    Refusal::format("Another file is attached behind the photo. Please send the photo alone.")
}

fn animated() -> Refusal {
    Refusal::format("Animated pictures are not taken. Please send one photo.")
}
