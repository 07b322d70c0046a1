//! BullMQ: `bullmq-official`, in Redis.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use bullmq::{
    BulkJob, Job, Queue, QueueOptions, Worker, WorkerOptions,
    options::RedisConnectionOptions,
    worker::{CancellationToken, WorkerEvent},
};
use serde_json::{Value, json};

use crate::{
    Work,
    phase::{Phase, one_by_one},
};

const JOB: &str = "nothing";

/// Keys that are forgotten in one call of its script.
const FORGET: usize = 1_000;

async fn nothing(_: Job, _: CancellationToken) -> bullmq::Result<Value> {
    Ok(Value::Null)
}

/// # Errors
/// Redis fails, or a job does.
pub(crate) async fn measure(url: &str, work: &Work) -> Result<()> {
    // Of its own, because Redis is shared with others.
    let name = format!("bench-{}", std::process::id());
    let queue = Queue::with_options(&name, QueueOptions::new().connection(connection(url))).await?;
    let queue = Arc::new(queue);

    let batch = Phase::start("batch", work.jobs);
    for jobs in work.batches() {
        queue.add_bulk((0..jobs).map(|_| BulkJob::new(JOB, json!({}))).collect()).await?;
    }
    batch.end()?;
    drain(url, &queue, work).await?;

    let single = Phase::start("single", work.singles());
    let adding = queue.clone();
    one_by_one(work.singles(), work.clients, move || {
        let queue = adding.clone();
        async move {
            queue.add(JOB, json!({})).await?;
            Ok(())
        }
    })
    .await?;
    single.end()?;
    Ok(queue.obliterate(true, FORGET).await?)
}

fn connection(url: &str) -> RedisConnectionOptions {
    RedisConnectionOptions::new().url(url)
}

/// From the start of the worker to the event that follows the last answer of Redis.
async fn drain(url: &str, queue: &Queue, work: &Work) -> Result<()> {
    let phase = Phase::start("drain", work.jobs);
    let options = WorkerOptions::new().connection(connection(url)).concurrency(work.concurrency);
    let worker = Worker::with_options(queue.name(), nothing, options).await?;
    let mut done = 0;
    while done < work.jobs {
        match worker.next_event().await {
            Some(WorkerEvent::Completed { .. }) => done += 1,
            Some(WorkerEvent::Failed { error, .. } | WorkerEvent::Error(error)) => bail!(error),
            Some(_) => {}
            None => bail!("the worker ended early"),
        }
    }
    phase.end()?;
    // Nothing is under way, and it would wait for seconds for a job to come.
    worker.close(0).await?;
    let completed = queue.get_completed_count().await?;
    ensure!(completed == work.jobs as u64, "of {} jobs {completed} are completed", work.jobs);
    Ok(())
}
