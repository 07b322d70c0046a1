//! Who was wrong about one account's password too often waits, wherever the guesses come from and at whichever front (U2).
//!
//! While Redis is away passwords are checked all the same; how many are checked at a time stays bounded
//! ([`Passwords`](crate::password::Passwords)).

use std::time::Duration;

use rules::account::Email;

use crate::{
    error::ApiError,
    window::{Limit, Mark, Windows},
};

/// So many wrong passwords for one account within so long. A person who has forgotten theirs tries fewer; whoever tries the
/// ten thousand most common ones needs ten days.
const LIMIT: Limit = Limit { word: "guess", policy: "wrong-passwords", most: 10, within: Duration::from_secs(15 * 60) };

/// A guess that counts as wrong until it is known to be right: two at a time are two, and one whose process dies stays one.
/// `None` when it cannot be counted.
///
/// # Errors
/// `rate_limited` while there were too many wrong ones for this address; whether it has an account makes no difference.
pub(crate) async fn begin(windows: &Windows, email: &Email) -> Result<Option<Mark>, ApiError> {
    let counted = windows.count(&LIMIT, email.as_str()).await.map_err(|quota| {
        metrics::counter!("password_guesses_refused_total").increment(1);
        let minutes = quota.wait.div_ceil(60);
        let words = format!("There were too many wrong passwords for this account. Try again in {minutes} minutes.");
        ApiError::used_up(quota, words)
    })?;
    if counted.is_none() {
        metrics::counter!("password_guesses_uncounted_total").increment(1);
    }
    Ok(counted)
}
