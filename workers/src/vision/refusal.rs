//! Why a photo is not taken, in words that fit the very file.

use rules::photo::PhotoRefused;

/// Bytes that one decoded picture may take: 50 megapixels of 8-bit colour with
/// transparency. 16-bit pictures get half of the pixels, progressive JPEGs 22 to 33 megapixels.
pub(super) const MAX_DECODED_BYTES: u64 = 200_000_000;

/// Bytes of EXIF, ICC, XMP and comments together. Portrait photos of some phones
/// carry a depth map of a few megabytes there.
pub(super) const MAX_METADATA_BYTES: usize = 8 * 1024 * 1024;

/// A photo that is not taken: a reason for programs, a sentence for the customer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Refusal {
    pub reason: PhotoRefused,
    pub words: String,
}

impl Refusal {
    pub(super) fn format(words: impl Into<String>) -> Self {
        Self { reason: PhotoRefused::Format, words: words.into() }
    }

    /// A JPEG whose layers must all be kept until the last has come.
    pub(super) fn layered() -> Self {
        let words = "The photo is a progressive JPEG, which takes too much room with so many megapixels. Please send it \
                     as the camera took it, or a smaller one.";
        Self { reason: PhotoRefused::TooManyPixels, words: words.to_owned() }
    }

    pub(super) fn damaged(words: impl Into<String>) -> Self {
        Self { reason: PhotoRefused::Damaged, words: words.into() }
    }

    /// The problem code, such as `photo_damaged`.
    pub fn code(&self) -> &'static str {
        self.reason.as_str()
    }
}

/// The rules' own sentence, where there is nothing to add.
impl From<PhotoRefused> for Refusal {
    fn from(reason: PhotoRefused) -> Self {
        Self { reason, words: reason.sentence().to_owned() }
    }
}
