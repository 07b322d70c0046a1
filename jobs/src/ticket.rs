//! Tickets: the hints in Redis that hurry workers, carried by apalis.
//!
//! A ticket names jobs and is worth nothing by itself: the claim in the ledger
//! decides. So a ticket may be lost, doubled, late or stale without harm, and the
//! weaknesses of apalis-redis 1.0 as a record do not matter. What does matter is
//! hidden in this module: it wedges above some thousand due tasks, never wakes an
//! idle worker, ends a worker on any Redis error, and keeps finished tasks for ever.

mod leavings;
mod poll;
mod push;
mod serve;
mod wake;

use apalis_redis::{Config, RedisStorage};
pub use push::Tickets;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use serde_json::Value;
pub use serve::serve;
use std::time::Duration;

use crate::Queue;

/// How many tickets of one queue may be in Redis at a time.
///
/// apalis-redis 1.0 unpacks all due ids in one Lua call and fails for good
/// beyond about 8,000. Jobs beyond the window have no ticket; the sweep of the ledger finds them.
const WINDOW: u64 = 500;

/// Where tickets live: the Redis server and what all its keys begin with.
#[derive(Clone, Debug)]
pub struct Place {
    pub redis_url: String,
    /// Empty in production; tests share one server by giving each its own.
    pub prefix: String,
}

impl Place {
    fn wake_channel(&self, queue: Queue) -> String {
        format!("{}wake:{queue}", self.prefix)
    }

    fn config(&self, queue: Queue) -> Config {
        Config::default()
            .queue(format!("{}{queue}", self.prefix))
            // More than one starves heartbeats and acks while the buffer is not empty.
            .batch_size(1)
            // Locking costs a scan of the whole backlog per task; the claim is our lock.
            .lock_tasks(false)
            .emit_events(false)
            .heartbeat_interval(Duration::from_secs(5))
            .missed_heartbeats(3)
            // None would become EXPIRE 0.
            .idempotency_ttl(Some(Duration::from_secs(3600)))
    }

    /// Connects when first used and again after every outage, so that a process can start while Redis is away.
    fn connect(&self) -> redis::RedisResult<ConnectionManager> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(Duration::from_secs(2)))
            // The default of 500 ms ends an apalis worker whenever Redis pauses.
            .set_response_timeout(Some(Duration::from_secs(10)));
        ConnectionManager::new_lazy_with_config(redis::Client::open(self.redis_url.as_str())?, config)
    }

    // The arguments stay JSON here: apalis ends a worker that meets arguments it
    // cannot decode, a handler can drop them.
    fn storage(&self, queue: Queue) -> redis::RedisResult<RedisStorage<Value>> {
        Ok(RedisStorage::new(self.connect()?).with_config(self.config(queue)))
    }
}
