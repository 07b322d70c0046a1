//! What apalis leaves behind of tickets that are finished: three entries of each, for ever.

use apalis_redis::Config;
use redis::aio::ConnectionManager;

use super::Place;
use crate::Queue;

/// So many at a time: Redis answers nobody else meanwhile.
const AT_ONCE: usize = 1_000;

/// One queue's leavings in Redis.
pub(super) struct Leavings {
    config: Config,
    connection: ConnectionManager,
}

impl Leavings {
    pub(super) fn new(place: &Place, queue: Queue) -> redis::RedisResult<Self> {
        Ok(Self { config: place.config(queue), connection: place.connect()? })
    }

    /// Forgets all of them.
    pub(super) async fn forget(&mut self) -> redis::RedisResult<()> {
        for finished in [self.config.done_jobs_set(), self.config.dead_jobs_set()] {
            while self.forget_some(&finished).await? == AT_ONCE {}
        }
        Ok(())
    }

    async fn forget_some(&mut self, finished: &str) -> redis::RedisResult<usize> {
        let ids: Vec<String> = redis::cmd("SPOP").arg(finished).arg(AT_ONCE).query_async(&mut self.connection).await?;
        if ids.is_empty() {
            return Ok(0);
        }
        let mut pipe = redis::pipe();
        pipe.hdel(self.config.job_data_hash(), &ids).ignore();
        for id in &ids {
            pipe.unlink(format!("{}:{id}", self.config.job_meta_hash())).ignore();
        }
        pipe.exec_async(&mut self.connection).await?;
        Ok(ids.len())
    }
}
