//! `Idempotency-Key` and `Prefer` (RFC 7240), and what names the operation.

use std::time::Duration;

use jobs::ledger::Trace;
use poem::{FromRequest, Request, RequestBody};
use rules::{account::Email, problem};
use sha2::{Digest, Sha256};

use crate::{error::ApiError, settings::LONGEST_WAIT, trace::Traced};

/// How a write is asked for, besides its body.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The client's own name for this request.
    pub key: Option<String>,
    /// Method and path: what the key is a key for.
    pub operation: String,
    pub trace: Trace,
    prefer: Prefer,
}

/// What the client prefers about waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefer {
    Nothing,
    Async,
    Wait(Duration),
}

impl Asking {
    /// How long to wait for the outcome.
    pub(super) fn patience(&self, default: Duration) -> Duration {
        match self.prefer {
            Prefer::Nothing => default,
            Prefer::Async => Duration::ZERO,
            Prefer::Wait(wait) => wait,
        }
    }

    /// The same with so much patience, unless the client says otherwise.
    pub(crate) fn patient(&self, wait: Duration) -> Self {
        let prefer = if self.prefer == Prefer::Nothing { Prefer::Wait(wait) } else { self.prefer };
        Self { prefer, ..self.clone() }
    }

    /// The same of somebody who has no account: others use the same keys.
    pub(crate) fn by_stranger(mut self, email: &Email) -> Self {
        let digest = Sha256::digest(email.as_str());
        self.operation = format!("{} {}", self.operation, hex::encode(&digest[..16]));
        self
    }

    /// What `Preference-Applied` says.
    pub(super) fn applied(&self) -> Option<String> {
        match self.prefer {
            Prefer::Nothing => None,
            Prefer::Async => Some("respond-async".to_owned()),
            Prefer::Wait(wait) => Some(format!("wait={}", wait.as_secs())),
        }
    }
}

/// Unknown preferences are ignored and of a repeated one the first counts, as the RFC wants. `respond-async` with `wait` means:
/// wait, then 202.
fn prefer<'a>(headers: impl Iterator<Item = &'a str>) -> Prefer {
    let mut found = Prefer::Nothing;
    for preference in headers.flat_map(|header| header.split(',')) {
        let preference = preference.split(';').next().unwrap_or_default().trim();
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        let seconds = value.trim().trim_matches('"').parse::<u64>();
        match (name.trim().to_ascii_lowercase().as_str(), seconds) {
            ("wait", Ok(seconds)) if !matches!(found, Prefer::Wait(_)) => {
                found = Prefer::Wait(Duration::from_secs(seconds).min(LONGEST_WAIT));
            }
            ("respond-async", _) if found == Prefer::Nothing => found = Prefer::Async,
            _ => {}
        }
    }
    found
}

/// A key is 1 to 255 visible ASCII characters; the quotes of an RFC 8941 string are taken off.
fn key(text: &str) -> Result<String, ApiError> {
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(ApiError::new(problem::IDEMPOTENCY_KEY_INVALID, "The key must be 1 to 255 visible ASCII characters."))
}

impl<'a> FromRequest<'a> for Asking {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let Traced(trace) = Traced::from_request(request, body).await?;
        let headers = request.headers();
        let key = match headers.get("idempotency-key") {
            None => None,
            Some(value) => Some(key(value.to_str().unwrap_or_default())?),
        };
        let prefer = prefer(headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok()));
        let operation = format!("{} {}", request.method(), request.original_uri().path());
        Ok(Self { key, operation, trace, prefer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_as_the_rfc_writes_them() {
        let seconds = |seconds| Prefer::Wait(Duration::from_secs(seconds));
        for (header, wanted) in [
            ("respond-async", Prefer::Async),
            ("wait=5", seconds(5)),
            ("respond-async, wait=10", seconds(10)),
            ("Wait=\"3\"; foo", seconds(3)),
            ("wait=9999", Prefer::Wait(LONGEST_WAIT)),
            ("wait=1, wait=9", seconds(1)),
            ("wait=-1", Prefer::Nothing),
            ("handling=lenient", Prefer::Nothing),
            ("", Prefer::Nothing),
        ] {
            assert_eq!(prefer(std::iter::once(header)), wanted, "{header}");
        }
    }

    #[test]
    fn keys_are_visible_ascii_of_a_bounded_length() {
        assert_eq!(key("\"a-1\"").unwrap(), "a-1");
        for wrong in ["", "\"\"", "two words", "ü", &"x".repeat(256)] {
            assert_eq!(key(wrong).unwrap_err().problem.code, "idempotency_key_invalid");
        }
    }
}
