use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An address mail can be sent to: trimmed, in lower case, ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum EmailRefused {
    #[error("an e-mail address has at most {LONGEST} characters")]
    TooLong,
    #[error("this is not an e-mail address")]
    Malformed,
}

/// RFC 5321, 4.5.3.1.3, less the angle brackets; its local part has at most 64.
const LONGEST: usize = 254;
const LONGEST_LOCAL: usize = 64;

impl Email {
    pub fn new(text: &str) -> Result<Self, EmailRefused> {
        let text = text.trim().to_ascii_lowercase();
        if text.len() > LONGEST {
            return Err(EmailRefused::TooLong);
        }
        match text.split_once('@') {
            Some((local, domain)) if is_local(local) && is_domain(domain) => Ok(Self(text)),
            _ => Err(EmailRefused::Malformed),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address without its `+alias`: one person, however the mail is sorted.
    pub fn comparable(&self) -> String {
        let (local, domain) = self.0.split_once('@').unwrap_or((&self.0, ""));
        match local.split_once('+') {
            Some((person, _)) if !person.is_empty() => format!("{person}@{domain}"),
            _ => self.0.clone(),
        }
    }
}

checked_text!(Email, EmailRefused);

fn is_local(local: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty() && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b))
    };
    local.len() <= LONGEST_LOCAL && local.split('.').all(is_atom)
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let has_letter = |label: &str| label.bytes().any(|b| b.is_ascii_alphabetic());
    domain.split('.').all(is_label) && domain.rsplit_once('.').is_some_and(|(_, last)| has_letter(last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_trimmed_and_lower_cased() {
        let email = Email::new(" Customer@Example.COM ").unwrap();
        assert_eq!(email.as_str(), "customer@example.com");
    }

    #[test]
    fn aliases_belong_to_one_person() {
        let comparable = |text: &str| Email::new(text).unwrap().comparable();
        assert_eq!(comparable("customer+cars@example.com"), "customer@example.com");
        assert_eq!(comparable("+cars@example.com"), "+cars@example.com");
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        for text in [
            "",
            "customer",
            "@example.com",
            "customer@",
            "customer@localhost",
            "a@b@example.com",
            ".a@example.com",
            "a..b@example.com",
            "a@example..com",
            "a@-example.com",
            "a@127.0.0.1",
            "a b@example.com",
            "a@example.com\r\nBcc: everybody@example.com",
            "a\0@example.com",
            "müller@example.com",
        ] {
            assert_eq!(Email::new(text), Err(EmailRefused::Malformed), "{text:?}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        assert_eq!(Email::new(&long), Err(EmailRefused::TooLong));
    }

    proptest! {
        #[test]
        fn no_address_ever_holds_a_blank_or_a_control_character(text in "\\PC{0,20}@?[\\s\\w.]{0,20}") {
            if let Ok(email) = Email::new(&text) {
                prop_assert!(email.as_str().bytes().all(|b| b.is_ascii_graphic()));
                prop_assert_eq!(Email::new(email.as_str()), Ok(email.clone()));
            }
        }
    }
}
