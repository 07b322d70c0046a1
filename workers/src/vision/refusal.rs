//! Why a photo is not taken, and the limits behind it.

/// Bytes of one original. A 12-megapixel phone photo has 3–6 MB.
pub const MAX_BYTES: usize = 15 * 1024 * 1024;

/// Pixels of one original, read from the header before anything is decoded.
pub const MAX_PIXELS: u64 = 50_000_000;

/// Pixels that the longer side must have at least, so that a scratch is visible.
pub const MIN_LONG_SIDE: u32 = 1024;

/// Bytes that one decoded picture may take: 50 megapixels of 8-bit colour with
/// transparency. 16-bit pictures get half of the pixels.
pub(super) const MAX_DECODED_BYTES: u64 = 200_000_000;

/// Bytes of EXIF, ICC, XMP and comments together. Portrait photos of some phones
/// carry a depth map of a few megabytes there.
pub(super) const MAX_METADATA_BYTES: usize = 8 * 1024 * 1024;

/// A photo that is not taken: a code for programs, a sentence for the customer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Refusal {
    pub code: &'static str,
    pub words: String,
}

impl Refusal {
    pub(super) fn empty() -> Self {
        Self::new("photo_empty", "The file is empty.")
    }

    pub(super) fn too_large() -> Self {
        let limit = MAX_BYTES / (1024 * 1024);
        Self::new("photo_too_large", format!("The file is larger than {limit} MB."))
    }

    pub(super) fn too_small(width: u32, height: u32) -> Self {
        let words = format!("The photo has {width}×{height} pixels; the longer side needs at least {MIN_LONG_SIDE}.");
        Self::new("photo_too_small", words)
    }

    pub(super) fn pixels(width: u32, height: u32) -> Self {
        let limit = MAX_PIXELS / 1_000_000;
        let words = format!("The photo has {width}×{height} pixels; at most {limit} megapixels are taken.");
        Self::new("photo_pixels", words)
    }

    pub(super) fn format(words: impl Into<String>) -> Self {
        Self::new("photo_format", words)
    }

    pub(super) fn damaged(words: impl Into<String>) -> Self {
        Self::new("photo_damaged", words)
    }

    fn new(code: &'static str, words: impl Into<String>) -> Self {
        Self { code, words: words.into() }
    }
}
