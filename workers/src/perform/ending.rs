//! The end of an attempt: committed with its effect, or together with the ends of others.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use jobs::{
    Claimed, NewJob, Outcome, Queue, fault,
    ledger::{self, LeaseLost},
};
use platform::Gather;
use sea_orm::{DatabaseConnection, DatabaseTransaction};
use uuid::Uuid;

use super::{JobError, Work};

/// How an attempt ends. It is carried out when `perform` has returned, and so has let go of everything: whoever still held a
/// transaction while the end waits for others to be written with would keep its locks and its connection from them.
#[must_use]
pub struct Ending {
    work: Work,
    how: How,
    afterwards: Option<BoxFuture<'static, ()>>,
}

pub(super) enum How {
    Effect(DatabaseTransaction, Outcome),
    NoEffect(Outcome),
    Snooze(Duration),
}

impl Ending {
    pub(super) fn new(work: Work, how: How) -> Self {
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

impl Work {
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
        let held: Vec<(&Claimed, &Outcome)> = ended.iter().map(|(work, outcome)| (&*work.job, outcome)).collect();
        if fault::removed("one_transaction") {
            let db = ended.first().map(|(work, _)| work.db().clone());
            ledger::insert(&tx, &follow_ups).await?;
            tx.commit().await?;
            fault::crash_point("before_commit");
            if let Some(db) = db {
                ledger::complete_all(&db, &held, &[]).await?;
            }
        } else if fault::removed("effect_before_ack") {
            ledger::insert(&tx, &follow_ups).await?;
            tx.commit().await?;
        } else {
            ledger::complete_all(&tx, &held, &follow_ups).await?;
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
