//! River: `riverqueue`, in PostgreSQL.

use std::{convert::Infallible, num::NonZeroUsize, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use riverqueue::{
    Client, EventKind, Job, JobArgs, QUEUE_DEFAULT, QueueConfig, SubscribeConfig, WorkContext, WorkOutcome, Workers,
    migrate::PostgresMigrator,
    sqlx::{self, PgPool, postgres::PgPoolOptions},
};
use serde::{Deserialize, Serialize};

use crate::{
    Work,
    phase::{Phase, one_by_one},
};

/// As River's own benchmark (`riverqueue bench`) has it.
const CONNECTIONS: u32 = 50;

#[derive(Clone, Debug, Deserialize, JobArgs, Serialize)]
#[river(kind = "nothing")]
struct Nothing {}

async fn nothing(_: WorkContext, _: Job<Nothing>) -> Result<WorkOutcome, Infallible> {
    Ok(WorkOutcome::Complete)
}

/// # Errors
/// PostgreSQL fails, or a job does.
pub(crate) async fn measure(url: &str, work: &Work) -> Result<()> {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await?;
    PostgresMigrator::new(pool.clone()).migrate_up().await?;
    let pressed = client(&pool, pressed(work.concurrency))?;

    let batch = Phase::start("batch", work.jobs);
    for jobs in work.batches() {
        pressed.insert_many(vec![Nothing {}; jobs]).await?;
    }
    batch.end()?;
    drain("drain", &pressed, &pool, work.jobs).await?;

    let single = Phase::start("single", work.singles());
    let calm = client(&pool, QueueConfig::new(work.concurrency))?;
    let inserting = calm.clone();
    one_by_one(work.singles(), work.clients, move || {
        let client = inserting.clone();
        async move {
            client.insert(Nothing {}).await?;
            Ok(())
        }
    })
    .await?;
    single.end()?;
    drain("drain by default", &calm, &pool, work.singles()).await
}

/// River fetches ten times a second by default, and so no more than ten times `concurrency` jobs: these are
/// the pauses of River's own benchmark.
fn pressed(concurrency: usize) -> QueueConfig {
    QueueConfig::new(concurrency)
        .with_fetch_cooldown(Duration::from_millis(2))
        .with_fetch_poll_interval(Duration::from_millis(20))
}

fn client(pool: &PgPool, queue: QueueConfig) -> Result<Client> {
    let mut workers = Workers::new();
    workers.add_fn(nothing)?;
    Ok(Client::builder(pool.clone()).workers(workers).queue(QUEUE_DEFAULT, queue).build()?)
}

/// From the start of the client to the event that follows the last commit.
async fn drain(name: &'static str, client: &Client, pool: &PgPool, jobs: usize) -> Result<()> {
    let kinds = [EventKind::JobCompleted, EventKind::JobFailed, EventKind::JobCancelled];
    let room = NonZeroUsize::new(jobs).context("there is nothing to drain")?;
    let mut events = client.subscribe_config(SubscribeConfig::new(kinds)?.with_buffer_capacity(room))?;
    let phase = Phase::start(name, jobs);
    let mut run = client.start()?;
    for _ in 0..jobs {
        let event = events.recv().await?;
        if event.kind() != EventKind::JobCompleted {
            bail!("a job that does nothing ended as {:?}", event.kind());
        }
    }
    phase.end()?;
    run.stop().await?;
    let left: i64 =
        sqlx::query_scalar("select count(*) from river_job where state <> 'completed'").fetch_one(pool).await?;
    ensure!(left == 0, "{left} jobs are left over");
    Ok(())
}
