use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A vehicle identification number (ISO 3779): 17 letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Vin(String);

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum VinRefused {
    #[error("a VIN has 17 letters and digits, without I, O and Q")]
    Malformed,
    #[error("the check digit of this VIN is wrong; please look for a typing mistake")]
    CheckDigit,
}

/// Position of the check digit, counted from 0 (49 CFR 565.15).
const CHECK_DIGIT: usize = 8;

/// What the digit in each place counts (49 CFR 565.15, table IV).
const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

impl Vin {
    pub fn new(text: &str) -> Result<Self, VinRefused> {
        let vin = text.trim().to_ascii_uppercase();
        let digits: Option<Vec<u32>> = vin.bytes().map(transliterate).collect();
        match digits {
            Some(digits) if digits.len() == WEIGHTS.len() => {
                if is_north_american(&vin) && !checks(&vin, &digits) {
                    Err(VinRefused::CheckDigit)
                } else {
                    Ok(Self(vin))
                }
            }
            _ => Err(VinRefused::Malformed),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

checked_text!(Vin, VinRefused);

// Elsewhere the ninth place is the maker's to use as they like.
fn is_north_american(vin: &str) -> bool {
    vin.starts_with(['1', '2', '3', '4', '5'])
}

fn checks(vin: &str, digits: &[u32]) -> bool {
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    let expected = match sum % 11 {
        10 => b'X',
        digit => b"0123456789"[digit as usize],
    };
    vin.as_bytes()[CHECK_DIGIT] == expected
}

/// The value of a character in the sum (49 CFR 565.15, table III).
fn transliterate(byte: u8) -> Option<u32> {
    let value = match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'H' => byte - b'A' + 1,
        b'J'..=b'N' => byte - b'J' + 1,
        b'P' => 7,
        b'R' => 9,
        b'S'..=b'Z' => byte - b'S' + 2,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_american_vin_is_noticed() {
        assert!(Vin::new("1m8gdm9axkp042788").is_ok());
        assert!(Vin::new("11111111111111111").is_ok());
        assert_eq!(Vin::new("1M8GDM9A1KP042788"), Err(VinRefused::CheckDigit));
    }

    #[test]
    fn a_european_vin_has_no_check_digit() {
        assert!(Vin::new("WVWZZZ1KZAW000001").is_ok());
    }

    #[test]
    fn a_vin_of_another_form_is_refused() {
        for text in ["", "WVWZZZ1KZAW00000", "WVWZZZ1KZAW00000O", "WVWZZZ1KZAW0000011", "WVWZZZ1KZ-W000001"] {
            assert_eq!(Vin::new(text), Err(VinRefused::Malformed), "{text}");
        }
    }
}
