//! So much of something within a time: sliding windows in Redis, which all fronts share.
//!
//! While Redis is away nothing is counted and nobody is refused: an outage of a hint keeps nobody out.

use std::time::Duration;

use fred::prelude::{Client, ClientLike, LuaInterface, SortedSetsInterface};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::Quota;

/// Counts one unless there were too many; answers for how many milliseconds there will be. The one that must leave the window
/// first is the one with which there are as many as may be.
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

/// So many at most within so long.
pub(crate) struct Limit {
    /// What is counted, one word: keys in Redis begin with it.
    pub(crate) word: &'static str,
    /// As a client is told it.
    pub(crate) policy: &'static str,
    pub(crate) most: u32,
    pub(crate) within: Duration,
}

/// What was counted lately.
#[derive(Clone)]
pub struct Windows {
    redis: Client,
    prefix: String,
}

/// One that was counted.
pub(crate) struct Mark {
    key: String,
    id: String,
}

impl Windows {
    /// Connects in the background; Redis may be away.
    ///
    /// # Errors
    /// When `url` is no Redis URL.
    pub(crate) fn start(url: &str, prefix: &str) -> anyhow::Result<Self> {
        Ok(Self { redis: jobs::pubsub::connect(url)?, prefix: prefix.to_owned() })
    }

    /// Counts one of `whose`; `None` when it cannot be counted.
    ///
    /// # Errors
    /// How long to wait, while there were too many.
    pub(crate) async fn count(&self, limit: &Limit, whose: &str) -> Result<Option<Mark>, Quota> {
        if !self.redis.is_connected() {
            // Nor would it wait in a queue, to be counted when nobody knows any more what became of it.
            tracing::warn!(what = limit.word, "not counted: Redis is away");
            return Ok(None);
        }
        // Redis keeps no address.
        let whose = hex::encode(Sha256::digest(whose));
        let mark = Mark { key: format!("{}{}:{whose}", self.prefix, limit.word), id: Uuid::new_v4().to_string() };
        let limits = vec![limit.within.as_millis().to_string(), limit.most.to_string(), mark.id.clone()];
        match self.redis.eval::<i64, _, _, _>(COUNT, mark.key.as_str(), limits).await {
            Ok(wait) if wait > 0 => Err(limit.quota(wait)),
            Ok(_) => Ok(Some(mark)),
            Err(error) => {
                tracing::warn!(%error, what = limit.word, "not counted");
                Ok(None)
            }
        }
    }

    /// It does not count. Goes behind the count on the same connection, and nobody waits for it.
    pub(crate) fn forget(&self, mark: Mark) {
        let redis = self.redis.clone();
        tokio::spawn(async move {
            if let Err(error) = redis.zrem::<(), _, _>(mark.key, mark.id).await {
                tracing::warn!(%error, "what does not count is counted for a while");
            }
        });
    }
}

impl Limit {
    fn quota(&self, milliseconds: i64) -> Quota {
        let wait = u64::try_from(milliseconds).unwrap_or(0).div_ceil(1000);
        Quota { name: self.policy, most: self.most, window: self.within.as_secs(), wait }
    }
}
