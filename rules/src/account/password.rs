use thiserror::Error;

use super::Email;

/// A password somebody has chosen; it has neither `Debug` nor `Display` nor
/// serde, so that it cannot end in a log or in a job.
pub struct Password(String);

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PasswordRefused {
    #[error("a password has at least {SHORTEST} characters")]
    TooShort,
    #[error("a password has at most {LONGEST} bytes")]
    TooLong,
    #[error("a password must not be the e-mail address")]
    SameAsEmail,
}

/// NIST SP 800-63B asks for length and against rules of composition.
const SHORTEST: usize = 10;

/// Hashing reads all of it, so an endless one would be an attack.
const LONGEST: usize = 1024;

impl Password {
    /// `owner` is left out where the address is no address.
    pub fn new(text: String, owner: Option<&Email>) -> Result<Self, PasswordRefused> {
        if text.len() > LONGEST {
            Err(PasswordRefused::TooLong)
        } else if text.chars().count() < SHORTEST {
            Err(PasswordRefused::TooShort)
        } else if owner.is_some_and(|owner| text.trim().eq_ignore_ascii_case(owner.as_str())) {
            Err(PasswordRefused::SameAsEmail)
        } else {
            Ok(Self(text))
        }
    }

    /// For the hash function, and for nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<PasswordRefused> {
        let owner = Email::new("customer@example.com").unwrap();
        Password::new(text.to_owned(), Some(&owner)).err()
    }

    #[test]
    fn a_password_is_long_enough_and_not_endless() {
        assert_eq!(refusal("ninechars"), Some(PasswordRefused::TooShort));
        assert_eq!(refusal("tencharact"), None);
        assert_eq!(refusal(&"a".repeat(1025)), Some(PasswordRefused::TooLong));
    }

    #[test]
    fn a_password_is_not_the_address() {
        assert_eq!(refusal("Customer@Example.com"), Some(PasswordRefused::SameAsEmail));
    }
}
