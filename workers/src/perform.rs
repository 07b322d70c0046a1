//! What a worker does with a job, and the only ways in which that can end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures::{FutureExt, future::BoxFuture};
use jobs::{
    Claimed, Job, NewJob, Outcome, Queue, Refusal, fault,
    ledger::{self, LeaseLost},
};
use platform::Gather;
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr, SqlxError, TransactionTrait};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

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

/// How an attempt ends. It is carried out when `perform` has returned, and so has let go of everything: whoever still held a
/// transaction while the end waits for others to be written with would keep its locks and its connection from them.
#[must_use]
pub struct Ending {
    work: Work,
    how: How,
    afterwards: Option<BoxFuture<'static, ()>>,
}

enum How {
    Effect(DatabaseTransaction, Outcome),
    NoEffect(Outcome),
    Snooze(Duration),
}

impl Ending {
    fn new(work: Work, how: How) -> Self {
        Self { work, how, afterwards: None }
    }

    /// What is done when the end was committed, and not otherwise; nor is it when the process dies in between.
    pub fn afterwards(self, what: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { afterwards: Some(what.boxed()), ..self }
    }

    /// # Errors
    /// When the lease was lost or the database fails: nothing is committed then.
    pub(crate) async fn carry_out(self) -> Result<Finished, JobError> {
        let Self { work, how, afterwards } = self;
        let finished = match how {
            How::Effect(tx, outcome) => work.finish(tx, outcome).await?,
            How::NoEffect(outcome) if work.follow_ups.is_empty() => work.end_without_effect(outcome).await?,
            How::NoEffect(outcome) => {
                let tx = work.begin().await?;
                work.finish(tx, outcome).await?
            }
            How::Snooze(pause) => {
                ledger::snooze(&work.context.db, &work.job, pause).await?;
                Finished { outcome: None, follow_ups: Vec::new() }
            }
        };
        if let Some(afterwards) = afterwards {
            afterwards.await;
        }
        Ok(finished)
    }
}

/// The proof that a job's end was committed.
#[derive(Debug)]
pub struct Finished {
    pub(crate) outcome: Option<Outcome>,
    pub(crate) follow_ups: Vec<(Queue, Uuid)>,
}

/// One attempt at one job.
pub struct Work {
    pub context: Arc<Context>,
    job: Arc<Claimed>,
    follow_ups: Vec<NewJob>,
    connected: Option<Connected>,
}

/// The right to hold a connection of the pool's: there are fewer of them than jobs.
pub(crate) type Connected = OwnedSemaphorePermit;

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

    /// No attempt follows when this one fails.
    pub fn is_last_attempt(&self) -> bool {
        self.job.attempt >= self.job.max_attempts
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

    async fn finish(self, tx: DatabaseTransaction, outcome: Outcome) -> Result<Finished, JobError> {
        let id = self.id();
        let mut finished = Self::finish_all(tx, vec![(self, outcome)]).await?;
        Ok(finished.remove(&id).expect("every job that was handed in has ended"))
    }

    /// Commits the effects of several attempts with their follow-ups and the completion of their jobs: all or
    /// nothing.
    ///
    /// # Errors
    /// When a lease was lost or the database fails: nothing is committed then.
    pub(crate) async fn finish_all(
        tx: DatabaseTransaction,
        mut ended: Vec<(Self, Outcome)>,
    ) -> Result<HashMap<Uuid, Finished>, JobError> {
        let hurried: Vec<_> = ended.iter().map(|(work, _)| work.hurried_follow_ups()).collect();
        let follow_ups: Vec<NewJob> = ended.iter_mut().flat_map(|(work, _)| work.traced_follow_ups()).collect();
        ledger::insert(&tx, &follow_ups).await?;
        let held: Vec<(&Claimed, &Outcome)> = ended.iter().map(|(work, outcome)| (&*work.job, outcome)).collect();
        if fault::removed("one_transaction") {
            let db = ended.first().map(|(work, _)| work.db().clone());
            tx.commit().await?;
            fault::crash_point("before_commit");
            if let Some(db) = db {
                ledger::complete_all(&db, &held).await?;
            }
        } else if fault::removed("effect_before_ack") {
            tx.commit().await?;
        } else {
            ledger::complete_all(&tx, &held).await?;
            fault::crash_point("before_commit");
            tx.commit().await?;
        }
        fault::crash_point("after_commit");
        let finished = ended
            .into_iter()
            .zip(hurried)
            .map(|((work, outcome), follow_ups)| (work.job.id, Finished { outcome: Some(outcome), follow_ups }));
        Ok(finished.collect())
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

    /// Ends a job that changes nothing else, together with others of its kind.
    async fn end_without_effect(mut self, outcome: Outcome) -> Result<Finished, JobError> {
        // Ends share a connection. Whoever kept its own until then would keep others from ending together with it.
        drop(self.connected.take());
        if !fault::removed("effect_before_ack") {
            self.context.ends.end(&self.job, &outcome).await?;
        }
        Ok(Finished { outcome: Some(outcome), follow_ups: Vec::new() })
    }
}

/// Where the ends of jobs meet that change nothing but their own row.
pub(crate) struct Ends {
    db: DatabaseConnection,
    ends: Gather<(Arc<Claimed>, Outcome), bool>,
}

impl Ends {
    pub(crate) fn start(db: DatabaseConnection) -> Self {
        let own = db.clone();
        let ends = Gather::start(128, move |ended: Vec<(Arc<Claimed>, Outcome)>| {
            let db = db.clone();
            async move {
                let held: Vec<(&Claimed, &Outcome)> = ended.iter().map(|(job, outcome)| (&**job, outcome)).collect();
                fault::crash_point("before_commit");
                // Without an answer each tries alone, and has an error of its own.
                let Ok(done) = ledger::complete_held(&db, &held).await else { return Vec::new() };
                fault::crash_point("after_commit");
                ended.iter().map(|(job, _)| Some(done.contains(&job.id))).collect()
            }
        });
        Self { db: own, ends }
    }

    async fn end(&self, job: &Arc<Claimed>, outcome: &Outcome) -> Result<(), LeaseLost> {
        match self.ends.call((job.clone(), outcome.clone())).await {
            Some(true) => Ok(()),
            Some(false) => Err(ledger::rejected()),
            None => ledger::complete(&self.db, job, outcome).await,
        }
    }
}
