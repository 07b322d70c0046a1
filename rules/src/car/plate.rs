use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A number plate as it is compared and shown: `ABC-123`.
///
/// Blanks and hyphens are one hyphen, never nothing: in Germany `B-AB 12` and
/// `BA-B 12` are two cars.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Plate(String);

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a plate has 1 to {LONGEST} letters and digits, apart from blanks and hyphens between them")]
pub struct PlateRefused;

const LONGEST: usize = 16;

impl Plate {
    pub fn new(text: &str) -> Result<Self, PlateRefused> {
        let plate = text.to_uppercase().split([' ', '-']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        let sound =
            (1..=LONGEST).contains(&plate.chars().count()) && plate.chars().all(|c| c.is_alphanumeric() || c == '-');
        sound.then_some(Self(plate)).ok_or(PlateRefused)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

checked_text!(Plate, PlateRefused);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plate_has_one_spelling() {
        for text in ["abc 123", "ABC-123", " abc - 123 "] {
            assert_eq!(Plate::new(text).unwrap().as_str(), "ABC-123");
        }
        assert_ne!(Plate::new("B-AB 12"), Plate::new("BA-B 12"));
    }

    #[test]
    fn a_plate_is_short_and_plain() {
        for text in ["", " - ", "ABC\n123", "ABC_123", "ABCDEFGHI-1234567"] {
            assert_eq!(Plate::new(text), Err(PlateRefused), "{text:?}");
        }
    }
}
