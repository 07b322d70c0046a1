//! Who was wrong about one account's password too often waits, wherever the guesses come from and at whichever front (U2).
//!
//! A sliding window in Redis. While Redis is away passwords are checked all the same: an outage of a hint keeps nobody out, and
//! how many are checked at a time stays bounded ([`Passwords`](crate::password::Passwords)).

use std::time::Duration;

use fred::prelude::{Client, ClientLike, LuaInterface, SortedSetsInterface};
use rules::{account::Email, problem};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::{ApiError, Quota};

/// So many wrong passwords for one account within so long. A person who has forgotten theirs tries fewer; whoever tries the
/// ten thousand most common ones needs ten days.
const MOST: u32 = 10;
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// Counts a guess unless there were too many; answers for how many milliseconds there will be. The guess that must leave the
/// window first is the one with which there are as many as may be.
const COUNT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, most = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local first = redis.call('ZRANGE', KEYS[1], -most, -most, 'WITHSCORES')[2]
if first then return first + window - now end
redis.call('ZADD', KEYS[1], now, ARGV[3])
redis.call('PEXPIRE', KEYS[1], window)
return 0";

/// What was guessed lately.
pub struct Guesses {
    redis: Client,
    prefix: String,
}

/// A guess that counts as wrong until it is known to be right: two at a time are two, and one whose process dies stays one.
pub(crate) struct Guess {
    key: String,
    id: String,
}

impl Guesses {
    /// Connects in the background; Redis may be away.
    ///
    /// # Errors
    /// When `url` is no Redis URL.
    pub(crate) fn start(url: &str, prefix: &str) -> anyhow::Result<Self> {
        Ok(Self { redis: jobs::pubsub::connect(url)?, prefix: prefix.to_owned() })
    }

    /// `None` when it cannot be counted.
    ///
    /// # Errors
    /// `rate_limited` while there were too many wrong ones for this address; whether it has an account makes no difference.
    pub(crate) async fn begin(&self, email: &Email) -> Result<Option<Guess>, ApiError> {
        if !self.redis.is_connected() {
            // Nor would it wait in a queue, to be counted when nobody knows any more that it was right.
            uncounted(&"Redis is away");
            return Ok(None);
        }
        // Redis keeps no address.
        let account = hex::encode(Sha256::digest(email.as_str()));
        let guess = Guess { key: format!("{}guess:{account}", self.prefix), id: Uuid::new_v4().to_string() };
        let limits = vec![WINDOW.as_millis().to_string(), MOST.to_string(), guess.id.clone()];
        match self.redis.eval::<i64, _, _, _>(COUNT, guess.key.as_str(), limits).await {
            Ok(wait) if wait > 0 => {
                metrics::counter!("password_guesses_refused_total").increment(1);
                return Err(too_many(wait));
            }
            Ok(_) => {}
            Err(error) => uncounted(&error),
        }
        Ok(Some(guess))
    }

    /// It was no guess: the password was right. Goes behind the count on the same connection, and nobody waits for it.
    pub(crate) fn forget(&self, guess: Option<Guess>) {
        let (Some(guess), redis) = (guess, self.redis.clone()) else { return };
        tokio::spawn(async move {
            if let Err(error) = redis.zrem::<(), _, _>(guess.key, guess.id).await {
                tracing::warn!(%error, "a right password counts as a wrong one for a while");
            }
        });
    }
}

fn uncounted(error: &dyn std::fmt::Display) {
    tracing::warn!(%error, "a password was checked without counting");
    metrics::counter!("password_guesses_uncounted_total").increment(1);
}

fn too_many(milliseconds: i64) -> ApiError {
    let wait = u64::try_from(milliseconds).unwrap_or(0).div_ceil(1000);
    let words =
        format!("There were too many wrong passwords for this account. Try again in {} minutes.", wait.div_ceil(60));
    let quota = Quota { name: "wrong-passwords", most: MOST, window: WINDOW.as_secs(), wait };
    ApiError { quota: Some(Box::new(quota)), ..ApiError::new(problem::RATE_LIMITED, words) }
}
