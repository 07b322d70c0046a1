//! Enqueues and drains jobs that do nothing with one of the two official Rust queues, and tells how
//! fast that was: one line of JSON per phase. `bin/bench queues` runs it in turns with Forecourt.

mod bull;
mod phase;
mod river;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

/// Enqueues and drains jobs that do nothing
#[derive(Parser)]
struct Arguments {
    queue: Library,

    /// Jobs that are enqueued in batches and drained; half as many more are enqueued one by one
    #[arg(long)]
    jobs: usize,

    /// Jobs of one batch
    #[arg(long)]
    batch: usize,

    /// Clients that enqueue one by one at the same time
    #[arg(long)]
    clients: usize,

    /// Jobs that are worked on at a time
    #[arg(long)]
    concurrency: usize,

    /// Where River's tables are made
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database: Option<String>,

    /// Where BullMQ keeps everything
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    redis: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Library {
    /// riverqueue, in PostgreSQL
    River,
    /// bullmq-official, in Redis
    Bullmq,
}

/// How much is enqueued and drained, and in what portions.
pub(crate) struct Work {
    pub(crate) jobs: usize,
    pub(crate) batch: usize,
    pub(crate) clients: usize,
    pub(crate) concurrency: usize,
}

impl Work {
    /// How many jobs each batch holds.
    pub(crate) fn batches(&self) -> impl Iterator<Item = usize> {
        let (jobs, batch) = (self.jobs, self.batch);
        (0..jobs).step_by(batch).map(move |done| batch.min(jobs - done))
    }

    /// How many jobs are enqueued one by one.
    pub(crate) fn singles(&self) -> usize {
        self.jobs / 2
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { queue, jobs, batch, clients, concurrency, database, redis } = Arguments::parse();
    let work = Work { jobs, batch, clients, concurrency };
    match queue {
        Library::River => river::measure(&database.context("DATABASE_URL is not set")?, &work).await,
        Library::Bullmq => bull::measure(&redis.context("REDIS_URL is not set")?, &work).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_batch_holds_what_is_left() {
        let work = Work { jobs: 25, batch: 10, clients: 1, concurrency: 1 };
        assert_eq!(work.batches().collect::<Vec<_>>(), [10, 10, 5]);
    }
}
