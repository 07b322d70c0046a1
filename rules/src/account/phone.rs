use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A telephone number in E.164: `+`, country code, number, at most 15 digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a telephone number starts with + and the country code and has 7 to 15 digits")]
pub struct PhoneRefused;

impl Phone {
    /// Accepts the usual separators (blank, hyphen, dot, slash, parentheses) and drops them.
    pub fn new(text: &str) -> Result<Self, PhoneRefused> {
        let number: String = text.chars().filter(|c| !" -./()".contains(*c)).collect();
        let digits = number.strip_prefix('+').ok_or(PhoneRefused)?;
        let sound =
            (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        sound.then_some(Self(number)).ok_or(PhoneRefused)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough for staff to recognise a caller: `•••456`.
    pub fn masked(&self) -> String {
        format!("•••{}", &self.0[self.0.len() - 3..])
    }
}

checked_text!(Phone, PhoneRefused);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_dropped() {
        let phone = Phone::new("+49 (30) 901820-456").unwrap();
        assert_eq!(phone.as_str(), "+4930901820456");
        assert_eq!(phone.masked(), "•••456");
    }

    #[test]
    fn a_number_without_country_or_with_other_signs_is_refused() {
        for text in ["", "+", "030901820", "+0301234567", "+49 30 CALL ME", "+1234567890123456"] {
            assert_eq!(Phone::new(text), Err(PhoneRefused), "{text}");
        }
    }
}
