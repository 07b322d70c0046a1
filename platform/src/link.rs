//! The tokens of links in mails: derived here by whoever writes the mail and
//! looked up here by whoever serves the page.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::settings::Secret;

/// The scope of a link to the page on which a return is decided.
pub const REVIEW: &str = "review";

/// The scope of a link to the page on which an offer is accepted or declined.
pub const OFFER: &str = "offer";

/// The scope of a link to the page of a waitlist entry: leaving it, and joining again.
pub const ENTRY: &str = "entry";

/// The scope of a link to the page of a damage case: the customer answers it there, staff a dispute.
pub const DAMAGE: &str = "damage";

/// Makes tokens from `LINK_TOKEN_KEY`.
///
/// Derived rather than drawn, so that a mail that is sent again after a lost
/// reply carries the same link, and no token has to be kept anywhere.
#[derive(Clone, Debug)]
pub struct LinkKey(Secret<[u8; 32]>);

impl LinkKey {
    pub fn new(key: &Secret<[u8; 32]>) -> Self {
        Self(key.clone())
    }

    /// The token of one recipient's link to one subject, 43 characters that a URL can hold.
    ///
    /// `turn` tells the links of repeated mails about one subject apart.
    ///
    /// # Panics
    /// Never: HMAC takes a key of any length.
    pub fn token(&self, scope: &str, subject: Uuid, account: Uuid, turn: i32) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).expect("HMAC takes a key of any length");
        mac.update(b"forecourt link 1\0");
        // The scope ends with a byte that it cannot hold; the rest has fixed lengths.
        mac.update(scope.as_bytes());
        mac.update(&[0]);
        mac.update(subject.as_bytes());
        mac.update(account.as_bytes());
        mac.update(&turn.to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// What tells one text from another, and tells nothing about either to whoever lacks the key.
    ///
    /// # Panics
    /// Never: HMAC takes a key of any length.
    pub fn seal(&self, text: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).expect("HMAC takes a key of any length");
        mac.update(b"forecourt seal 1\0");
        mac.update(text.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }
}

/// What the table `link` keeps of a token, and finds it by.
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> LinkKey {
        LinkKey::new(&Secret::new([byte; 32]))
    }

    #[test]
    fn a_seal_needs_the_key_and_is_no_token() {
        assert_eq!(key(7).seal("a"), key(7).seal("a"));
        assert!(key(7).seal("a") != key(8).seal("a") && key(7).seal("a") != key(7).seal("b"));
    }

    #[test]
    fn a_repeated_mail_carries_the_same_link_and_every_other_mail_another() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let token = key(7).token(REVIEW, one, two, 0);
        assert_eq!(token, key(7).token(REVIEW, one, two, 0));
        assert_eq!(token.len(), 43);
        let others = [
            key(8).token(REVIEW, one, two, 0),
            key(7).token(OFFER, one, two, 0),
            key(7).token(REVIEW, two, one, 0),
            key(7).token(REVIEW, one, one, 0),
            key(7).token(REVIEW, one, two, 1),
        ];
        assert!(others.iter().all(|other| *other != token && hash(other) != hash(&token)));
    }
}
