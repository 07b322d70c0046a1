//! The twelve rules of the job ledger, one module per group, each test named after
//! what would be lost or doubled without the rule.

mod backlog;
mod claim;
mod clock;
mod dispatch;
mod finish;
mod kinds;
mod lease;
mod wake;

use jobs::{Job, NewJob, Queue, ledger};
use sea_orm::ConnectionTrait;
use tests::Bed;
use uuid::Uuid;
use workers::{Ending, JobError, Registry, Work};

/// The kinds these tests perform; `effect` is a table that counts what was done.
pub(crate) fn registry() -> Registry {
    Registry::default()
        .with::<kinds::Mark>()
        .with::<kinds::Stall>()
        .with::<kinds::Stumble>()
        .with::<kinds::Panic>()
        .with::<kinds::Decline>()
        .with::<kinds::Chain>()
        .with::<kinds::PassOn>()
        .with::<kinds::Relay>()
        .with::<kinds::Overtaken>()
        .with::<kinds::Linger>()
        .with::<kinds::Keep>()
        .with::<kinds::Hurry>()
        .with::<kinds::Outside>()
}

pub(crate) async fn bed() -> Bed {
    let bed = tests::bed().await;
    bed.run("create table effect (job uuid not null, attempt integer not null)").await;
    bed
}

/// Accepts a job as a front would, without pushing a ticket.
pub(crate) async fn accept(bed: &Bed, job: &impl Job) -> Uuid {
    let job = NewJob::new(job);
    ledger::accept(&bed.db, &job).await.unwrap();
    job.id
}

/// Accepts many jobs at once, without tickets.
pub(crate) async fn accept_many(bed: &Bed, count: usize, job: &impl Job) {
    let jobs: Vec<_> = (0..count).map(|_| NewJob::new(job)).collect();
    ledger::insert_all(&bed.db, &jobs).await.unwrap();
}

pub(crate) async fn write_effect(db: &impl ConnectionTrait, work: &Work) -> Result<(), JobError> {
    let sql = format!("insert into effect values ('{}', {})", work.id(), work.attempt());
    db.execute_unprepared(&sql).await?;
    Ok(())
}

pub(crate) async fn mark(work: Work) -> Result<Ending, JobError> {
    let tx = work.begin().await?;
    write_effect(&tx, &work).await?;
    work.done(tx, "marked")
}

pub(crate) fn state_is(id: Uuid, state: &str) -> String {
    format!("select count(*) from job where id = '{id}' and state = '{state}'")
}

pub(crate) const QUEUE: Queue = Queue::Booking;
