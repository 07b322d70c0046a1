//! What a photo must be to count as evidence (R1), as values: nothing here decodes.
//!
//! The gates stand in the order of their cost: bytes, format, dimensions from
//! the header, and only then pixels.

mod format;

use chrono::{DateTime, TimeDelta, Utc};

pub use format::Format;

words! {
    /// Why a photo is not accepted; its [`sentence`](PhotoRefused::sentence) tells the customer what to do.
    pub enum PhotoRefused {
        Empty = "photo_empty",
        TooLarge = "photo_too_large",
        Format = "photo_format",
        TooManyPixels = "photo_too_many_pixels",
        TooSmall = "photo_too_small",
        Damaged = "photo_damaged",
        Black = "photo_black",
        Checksum = "photo_checksum",
        Length = "photo_length",
        Reused = "photo_reused",
        Missing = "photo_missing",
    }
}

words! {
    /// What makes an accepted photo less trustworthy; shown to the admin.
    pub enum Warning {
        Blurred = "blurred",
        Dark = "dark",
        /// By its own clock taken more than 30 minutes away from its arrival (R3).
        TakenEarlier = "taken_earlier",
        /// Looks like a copy of a photo of this car or customer that was sent for another rental, or at the other end of this one.
        Copied = "copied",
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub max_bytes: u64,
    pub max_pixels: u64,
    /// Of the longer side, in pixels.
    pub min_long_side: u32,
    /// Of the shorter one: a strip shows no side of a car.
    pub min_short_side: u32,
    /// Mean brightness, 0 to 255: below the first it is no evidence, below the second it is doubtful.
    pub black_below: f64,
    pub dark_below: f64,
    /// Variance of the Laplacian of the picture scaled to 640 pixels.
    pub blurred_below: f64,
    pub clock_drift: TimeDelta,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 15 * 1024 * 1024,
            max_pixels: 50_000_000,
            min_long_side: 1_024,
            min_short_side: 480,
            black_below: 6.0,
            dark_below: 40.0,
            blurred_below: 40.0,
            clock_drift: TimeDelta::minutes(30),
        }
    }
}

/// What decoding tells of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Mean brightness, 0 to 255.
    pub brightness: f64,
    /// Variance of the Laplacian.
    pub sharpness: f64,
}

impl Limits {
    /// First gate: how many bytes there are.
    pub fn size(&self, bytes: u64) -> Result<(), PhotoRefused> {
        match bytes {
            0 => Err(PhotoRefused::Empty),
            bytes if bytes > self.max_bytes => Err(PhotoRefused::TooLarge),
            _ => Ok(()),
        }
    }

    /// Third gate, from the header alone: a bomb is refused before it is decoded.
    pub fn dimensions(&self, width: u32, height: u32) -> Result<(), PhotoRefused> {
        if u64::from(width) * u64::from(height) > self.max_pixels {
            Err(PhotoRefused::TooManyPixels)
        } else if width.max(height) < self.min_long_side || width.min(height) < self.min_short_side {
            Err(PhotoRefused::TooSmall)
        } else {
            Ok(())
        }
    }

    /// Last gate: a picture of nothing is no evidence.
    pub fn visible(&self, quality: Quality) -> Result<(), PhotoRefused> {
        if quality.brightness < self.black_below { Err(PhotoRefused::Black) } else { Ok(()) }
    }

    /// What to tell the admin about an accepted photo. `taken_at` is the
    /// photo's claim, `received_at` our clock.
    pub fn warnings(
        &self,
        quality: Quality,
        taken_at: Option<DateTime<Utc>>,
        received_at: DateTime<Utc>,
    ) -> Vec<Warning> {
        let drift = taken_at.map_or(TimeDelta::zero(), |taken_at| (received_at - taken_at).abs());
        [
            (quality.sharpness < self.blurred_below).then_some(Warning::Blurred),
            (quality.brightness < self.dark_below).then_some(Warning::Dark),
            (drift > self.clock_drift).then_some(Warning::TakenEarlier),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Warning {
    /// What the renter is told, once, while the car still stands there; `None` when another photo would not help.
    pub fn advice(self) -> Option<&'static str> {
        match self {
            Self::Blurred => Some("The photo is blurred. Please hold still and take it again, if you can."),
            Self::Dark => Some("The photo is dark. Please take it again with the flash or under a lamp, if you can."),
            Self::Copied => Some("The photo looks like one that was sent before. Please take a new one, if you can."),
            Self::TakenEarlier => None,
        }
    }
}

impl PhotoRefused {
    /// What is wrong and what helps, in words for the customer.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Empty => "The photo is empty. Please upload it again.",
            Self::TooLarge => "The photo is larger than 15 MB. Please send a smaller one.",
            Self::Format => {
                "Please send a JPEG, PNG or WebP photo. An iPhone takes JPEG when set to \"Most Compatible\"."
            }
            Self::TooManyPixels => "The photo has more than 50 megapixels. Please send a smaller one.",
            Self::TooSmall => {
                "The photo is too small: it needs at least 1024 pixels on the longer side and 480 on the other."
            }
            Self::Damaged => "The photo cannot be read to its end. Please take or upload it again.",
            Self::Black => "Nothing can be seen on the photo. Please take it again with more light.",
            Self::Checksum => "The photo changed on its way to us. Please upload it again.",
            Self::Length => "The photo did not arrive whole. Please upload it again.",
            Self::Reused => "This very photo was sent before. Please take a new one.",
            Self::Missing => "The photo has not arrived. Please upload it.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::tests::at;

    const GOOD: Quality = Quality { brightness: 120.0, sharpness: 300.0 };

    #[test]
    fn a_bomb_an_empty_file_and_a_thumbnail_are_refused() {
        let limits = Limits::default();
        assert_eq!(limits.size(0), Err(PhotoRefused::Empty));
        assert_eq!(limits.size(15 * 1024 * 1024 + 1), Err(PhotoRefused::TooLarge));
        assert_eq!(limits.dimensions(u32::MAX, u32::MAX), Err(PhotoRefused::TooManyPixels));
        assert_eq!(limits.dimensions(1_023, 768), Err(PhotoRefused::TooSmall));
        assert_eq!(limits.dimensions(768, 1_024), Ok(()));
        for strip in [(2_000, 0), (1_100, 1), (479, 4_000)] {
            assert_eq!(limits.dimensions(strip.0, strip.1), Err(PhotoRefused::TooSmall));
        }
        assert_eq!(limits.dimensions(1_024, 480), Ok(()));
    }

    #[test]
    fn people_return_cars_at_night_so_dark_is_a_warning_and_only_black_is_refused() {
        let limits = Limits::default();
        let night = Quality { brightness: 20.0, sharpness: 10.0 };
        let now = at("2026-05-04T22:00");
        assert_eq!(limits.visible(night), Ok(()));
        assert_eq!(limits.warnings(night, None, now), [Warning::Blurred, Warning::Dark]);
        assert_eq!(limits.visible(Quality { brightness: 1.0, ..night }), Err(PhotoRefused::Black));
    }

    #[test]
    fn a_photo_older_than_half_an_hour_is_flagged() {
        let flags = |taken: &str| Limits::default().warnings(GOOD, Some(at(taken)), at("2026-05-04T22:00"));
        assert!(flags("2026-05-04T21:30").is_empty());
        assert_eq!(flags("2026-05-04T21:29"), [Warning::TakenEarlier]);
        assert_eq!(flags("2026-05-04T22:31"), [Warning::TakenEarlier]);
    }

    #[test]
    fn every_refusal_tells_the_customer_something() {
        for refused in PhotoRefused::ALL {
            assert!(refused.sentence().ends_with('.'), "{refused}");
            assert!(refused.as_str().starts_with("photo_"));
        }
    }
}
