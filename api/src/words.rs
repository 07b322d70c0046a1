//! How much people may write, on a page as through the contract.

use std::ops::RangeInclusive;

/// Letters of what a customer says against a damage; the contract says the same.
pub(crate) const DISPUTE: RangeInclusive<usize> = 3..=4_000;
/// Of what the customer reads about the answer to it.
pub(crate) const REASON: RangeInclusive<usize> = 3..=2_000;
/// Of why staff do what nobody else may do.
pub(crate) const EXCUSE: RangeInclusive<usize> = 3..=500;
/// Of what the customer reads about a decision on a return.
pub(crate) const NOTE: RangeInclusive<usize> = 1..=2_000;
/// Of what is said about one mark.
pub(crate) const MARK: RangeInclusive<usize> = 1..=300;

/// The text without the blanks around it, which are no letters.
///
/// # Errors
/// How many letters it must have, when it has fewer or more.
pub(crate) fn written(text: &str, letters: &RangeInclusive<usize>) -> Result<String, String> {
    let text = text.trim();
    if letters.contains(&text.chars().count()) {
        return Ok(text.to_owned());
    }
    Err(format!("must have {} to {} letters", letters.start(), letters.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_no_letters() {
        assert_eq!(written("  No!\n", &REASON), Ok("No!".to_owned()));
        assert_eq!(written(" \t \n ", &REASON), Err("must have 3 to 2000 letters".to_owned()));
        assert!(written(&"ä".repeat(300), &MARK).is_ok() && written(&"ä".repeat(301), &MARK).is_err());
    }
}
