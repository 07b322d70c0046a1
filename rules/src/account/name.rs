use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::line::{LineRefused, line};

/// What a person wants to be called: one line of 1 to 100 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonName(String);

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NameRefused {
    #[error("a name is needed")]
    Empty,
    #[error("a name has at most {LONGEST} characters")]
    TooLong,
    #[error("a name has no line breaks or control characters")]
    ControlCharacter,
    #[error("a name is no web address")]
    WebAddress,
}

const LONGEST: usize = 100;

impl PersonName {
    pub fn new(text: &str) -> Result<Self, NameRefused> {
        match line(text) {
            Err(LineRefused::Blank) => Err(NameRefused::Empty),
            _ if text.trim().chars().count() > LONGEST => Err(NameRefused::TooLong),
            Err(LineRefused::Breaks) => Err(NameRefused::ControlCharacter),
            Ok(text) if leads_away(text) => Err(NameRefused::WebAddress),
            Ok(text) => Ok(Self(text.to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

checked_text!(PersonName, NameRefused);

// Mails greet people by their name, the first one at an address that nobody has proved to be theirs.
fn leads_away(name: &str) -> bool {
    name.contains("://") || name.to_lowercase().contains("www.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_any_script_is_kept_as_written() {
        assert_eq!(PersonName::new(" Zoë Ångström ").unwrap().as_str(), "Zoë Ångström");
        assert!(PersonName::new("李小龍").is_ok());
    }

    #[test]
    fn a_name_leads_nobody_to_another_site() {
        for name in ["Win at http://example.com", "WWW.example.com"] {
            assert_eq!(PersonName::new(name), Err(NameRefused::WebAddress));
        }
    }

    #[test]
    fn a_name_cannot_be_empty_endless_or_more_than_a_line() {
        assert_eq!(PersonName::new("  "), Err(NameRefused::Empty));
        assert_eq!(PersonName::new(&"é".repeat(101)), Err(NameRefused::TooLong));
        assert_eq!(PersonName::new("A\r\nBcc: b@example.com"), Err(NameRefused::ControlCharacter));
        assert_eq!(PersonName::new("gpj\u{202e}exe"), Err(NameRefused::ControlCharacter));
    }
}
