use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a customer reads over the telephone: `BK-7F3K2Q`.
///
/// Six characters of Crockford's base 32, which has no I, L, O and U. A
/// billion numbers: the database refuses the rare repeat and the caller draws again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BookingNumber(String);

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a booking number looks like BK-7F3K2Q")]
pub struct NumberRefused;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const PREFIX: &str = "BK-";
const LENGTH: u32 = 6;

impl BookingNumber {
    /// The number made of the lowest 30 of these random bits.
    pub fn from_bits(bits: u64) -> Self {
        let digit = |place: u32| char::from(ALPHABET[(bits >> (5 * place)) as usize & 31]);
        let digits: String = (0..LENGTH).rev().map(digit).collect();
        Self(format!("{PREFIX}{digits}"))
    }

    /// Reads what people type: any case, O for 0, I and L for 1.
    pub fn new(text: &str) -> Result<Self, NumberRefused> {
        let text = text.trim().to_ascii_uppercase();
        let digits = text.strip_prefix(PREFIX).ok_or(NumberRefused)?;
        let digits = digits.replace('O', "0").replace(['I', 'L'], "1");
        let sound = digits.len() == LENGTH as usize && digits.bytes().all(|b| ALPHABET.contains(&b));
        sound.then(|| Self(format!("{PREFIX}{digits}"))).ok_or(NumberRefused)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

checked_text!(BookingNumber, NumberRefused);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_read_as_people_type_it() {
        assert_eq!(BookingNumber::from_bits(0).as_str(), "BK-000000");
        assert_eq!(BookingNumber::new(" bk-7f3k2q ").unwrap().as_str(), "BK-7F3K2Q");
        assert_eq!(BookingNumber::new("BK-OIL000").unwrap().as_str(), "BK-011000");
        assert_eq!(BookingNumber::new("7F3K2Q"), Err(NumberRefused));
        assert_eq!(BookingNumber::new("BK-7F3K2U"), Err(NumberRefused));
    }

    proptest! {
        #[test]
        fn a_number_reads_back_and_uses_all_its_bits(bits in any::<u64>(), bit in 0u32..30) {
            let number = BookingNumber::from_bits(bits);
            prop_assert_eq!(BookingNumber::new(number.as_str()), Ok(number.clone()));
            prop_assert_ne!(BookingNumber::from_bits(bits ^ (1 << bit)), number);
        }
    }
}
