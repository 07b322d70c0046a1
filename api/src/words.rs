//! How much people may write, on a page as through the contract.

use std::ops::RangeInclusive;

use rules::line::turns;

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

/// The text without the blanks around it, which are no letters, and without marks that turn what follows: phones put them around
/// numbers, and they can disguise what is written.
///
/// # Errors
/// How many letters it must have, when it has fewer or more.
pub(crate) fn written(text: &str, letters: &RangeInclusive<usize>) -> Result<String, String> {
    let text = straight(text);
    if letters.contains(&text.chars().count()) {
        return Ok(text);
    }
    Err(format!("must have {} to {} letters", letters.start(), letters.end()))
}

/// The same, however long it is.
pub(crate) fn straight(text: &str) -> String {
    let straight: String = text.chars().filter(|letter| !turns(*letter)).collect();
    straight.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_no_letters() {
        assert_eq!(written("  No!\n", &REASON), Ok("No!".to_owned()));
        assert_eq!(written("call \u{202d}+49 30\u{202c}", &REASON), Ok("call +49 30".to_owned()));
        assert!(written("\u{202e} \u{2066}\u{202e}", &REASON).is_err());
        assert_eq!(written(" \t \n ", &REASON), Err("must have 3 to 2000 letters".to_owned()));
        assert!(written(&"ä".repeat(300), &MARK).is_ok() && written(&"ä".repeat(301), &MARK).is_err());
    }
}
