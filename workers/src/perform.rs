//! What a worker does with a job, and the only ways in which that can end.

mod ending;

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use jobs::{Claimed, Job, NewJob, Outcome, Queue, Refusal, ledger::LeaseLost};
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr, SqlxError, TransactionTrait};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

pub(crate) use ending::Ends;
pub use ending::{Ending, Finished};

use self::ending::How;
use crate::Context;

/// The work behind a kind of job.
///
/// Every `perform` has four beats: read the request, lock and look, decide and
/// write, tell others. It must leave the same world behind when it runs twice,
/// and the type of its success can only be had from [`Work`]: the effect, the follow-ups and the
/// completion are committed together when it has returned.
pub trait Perform: Job {
    /// After this long an attempt counts as failed.
    const TIMEOUT: Duration = Duration::from_secs(30);

    /// Whether an attempt waits for another server, the bucket say, while others wait for the connection that it may hold.
    const OUTSIDE: bool = false;

    fn perform(self, work: Work) -> impl Future<Output = Result<Ending, JobError>> + Send;
}

/// Work that many ask for at the same time, and that costs little more for fifty than for one.
pub trait PerformTogether: Perform {
    /// Performs those that can be done without a question, in one transaction, all or none: the end of each by the id of
    /// its job. Those that are left out, or all of them on an error, are performed alone.
    fn perform_together(
        asked: Vec<(Self, Work)>,
    ) -> impl Future<Output = Result<HashMap<Uuid, Finished>, JobError>> + Send;
}

/// Why an attempt did not finish its job. A business "no" is not among them: see [`Work::refuse`].
///
/// It is no `std::error::Error` itself, so that `?` can turn every such error into a retry.
#[derive(Debug)]
pub enum JobError {
    /// No further attempt can help: the job is dead, for a person to look at.
    GiveUp(String),
    /// Another attempt may succeed.
    Retry(anyhow::Error),
    /// Another worker holds the job now; whatever this one did is rolled back.
    LeaseLost,
}

impl JobError {
    /// PostgreSQL chose this transaction to give way: deadlock (40P01), serialization (40001), or a lock that did not come
    /// in time (55P03).
    pub(crate) fn gave_way(&self) -> bool {
        let Self::Retry(error) = self else { return false };
        error.chain().filter_map(|cause| cause.downcast_ref::<DbErr>()).any(|error| match error {
            DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
                matches!(&**error, SqlxError::Database(error) if matches!(error.code().as_deref(), Some("40001" | "40P01" | "55P03")))
            }
            _ => false,
        })
    }
}

impl<E: Into<anyhow::Error>> From<E> for JobError {
    fn from(error: E) -> Self {
        let error = error.into();
        match error.downcast::<LeaseLost>() {
            Ok(LeaseLost::Lost) => Self::LeaseLost,
            Ok(LeaseLost::Database(error)) => Self::Retry(error.into()),
            Err(error) => Self::Retry(error),
        }
    }
}

/// One attempt at one job.
pub struct Work {
    pub context: Arc<Context>,
    job: Arc<Claimed>,
    follow_ups: Vec<NewJob>,
    connected: Option<Connected>,
}

/// The right to hold a connection of the pool's: there are fewer of them than jobs.
pub(crate) struct Connected {
    pub(crate) _alone: OwnedSemaphorePermit,
    pub(crate) _outside: Option<OwnedSemaphorePermit>,
}

impl Work {
    pub(crate) fn alone(context: Arc<Context>, job: Arc<Claimed>, connected: Connected) -> Self {
        Self { context, job, follow_ups: Vec::new(), connected: Some(connected) }
    }

    /// One of several that share a connection.
    pub(crate) fn together(context: Arc<Context>, job: Arc<Claimed>) -> Self {
        Self { context, job, follow_ups: Vec::new(), connected: None }
    }

    /// The job's own id: the stable root of every id that leaves the house for it.
    pub fn id(&self) -> Uuid {
        self.job.id
    }

    /// The database's clock when this attempt began. Rules get this as their "now".
    pub fn now(&self) -> DateTime<Utc> {
        self.job.claimed_at
    }

    /// When it was asked for, on the same clock.
    pub fn asked_at(&self) -> DateTime<Utc> {
        self.job.created_at
    }

    pub fn attempt(&self) -> i32 {
        self.job.attempt
    }

    pub fn db(&self) -> &DatabaseConnection {
        &self.context.db
    }

    /// # Errors
    /// When the database does not answer.
    pub async fn begin(&self) -> Result<DatabaseTransaction, JobError> {
        Ok(self.context.db.begin().await?)
    }

    /// A job that follows when this one commits, and not otherwise.
    pub fn then(&mut self, job: &impl Job) {
        self.follow_ups.push(NewJob::new(job));
    }

    /// A follow-up that becomes due later.
    pub fn then_at(&mut self, job: &impl Job, run_at: DateTime<Utc>) {
        self.follow_ups.push(NewJob::new(job).at(run_at));
    }

    /// The effect is committed with the job's completion; `document` is what the asker is shown.
    ///
    /// # Errors
    /// When the document cannot be written as JSON.
    pub fn done(self, tx: DatabaseTransaction, document: impl Serialize) -> Result<Ending, JobError> {
        let outcome = Outcome::done(document)?;
        Ok(Ending::new(self, How::Effect(tx, outcome)))
    }

    /// A decision against what was asked, with nothing else.
    pub fn refuse(mut self, refusal: Refusal) -> Ending {
        self.follow_ups.clear();
        Ending::new(self, How::NoEffect(Outcome::Refused(refusal)))
    }

    /// A decision against what was asked, committed together with what was learnt on the way.
    pub fn refuse_with(mut self, tx: DatabaseTransaction, refusal: Refusal) -> Ending {
        self.follow_ups.clear();
        Ending::new(self, How::Effect(tx, Outcome::Refused(refusal)))
    }

    /// There was nothing to write besides; follow-ups are written all the same.
    ///
    /// # Errors
    /// When the document cannot be written as JSON.
    pub fn done_without_effect(self, document: impl Serialize) -> Result<Ending, JobError> {
        let outcome = Outcome::done(document)?;
        Ok(Ending::new(self, How::NoEffect(outcome)))
    }

    /// The job's subject is gone or needs nothing any more.
    pub fn skip(self, reason: &str) -> Ending {
        tracing::info!(reason, "nothing to do");
        let outcome = Outcome::done(serde_json::json!({ "skipped": reason })).expect("a string is plain data");
        Ending::new(self, How::NoEffect(outcome))
    }

    /// Puts the job off without charging an attempt: it is not yet time.
    pub fn snooze(self, pause: Duration) -> Ending {
        Ending::new(self, How::Snooze(pause))
    }

    /// Those that are due at once.
    fn hurried_follow_ups(&self) -> Vec<(Queue, Uuid)> {
        let due = self.follow_ups.iter().filter(|job| job.run_at.is_none());
        due.map(|job| (job.queue, job.id)).collect()
    }

    /// Follow-ups carry the name of the request that their job was asked by.
    fn traced_follow_ups(&mut self) -> impl Iterator<Item = NewJob> {
        std::mem::take(&mut self.follow_ups).into_iter().map(|job| NewJob { trace: self.job.trace(), ..job })
    }
}
