//! Small kinds of job that do one thing each.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jobs::{Job, Queue, Refusal};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use workers::{Ending, JobError, Perform, Work};

use super::{QUEUE, mark, write_effect};

macro_rules! kind {
    ($(#[$meta:meta])* $name:ident = $kind:literal, attempts $attempts:literal) => {
        $(#[$meta])*
        #[derive(Debug, Serialize, Deserialize)]
        pub(crate) struct $name {}

        impl Job for $name {
            const KIND: &'static str = $kind;
            const QUEUE: Queue = QUEUE;
            const MAX_ATTEMPTS: i32 = $attempts;
        }
    };
}

kind!(
    /// Leaves one effect.
    Mark = "test_mark", attempts 8
);
kind!(
    /// Writes its effect, then hangs until somebody stops it.
    Stall = "test_stall", attempts 8
);
kind!(
    /// Fails every time.
    Stumble = "test_stumble", attempts 2
);
kind!(
    /// Panics the first time, then leaves one effect.
    Panic = "test_panic", attempts 8
);
kind!(
    /// Is decided against.
    Decline = "test_decline", attempts 8
);
kind!(
    /// Leaves one effect and a [`Mark`] to follow.
    Chain = "test_chain", attempts 8
);
kind!(
    /// Needs nothing itself, and leaves a [`Mark`] to follow.
    PassOn = "test_pass_on", attempts 8
);

/// Keeps its connection for a quarter of a second, and leaves the next of its kind to follow as long as any is left.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Relay {
    pub(crate) left: u32,
}

impl Job for Relay {
    const KIND: &'static str = "test_relay";
    const QUEUE: Queue = QUEUE;
    const MAX_ATTEMPTS: i32 = 8;
}

impl Perform for Relay {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        tx.execute_unprepared("select pg_sleep(0.25)").await?;
        if let Some(left) = self.left.checked_sub(1) {
            work.then(&Relay { left });
        }
        work.done(tx, "handed on")
    }
}

kind!(
    /// Loses its first attempt's lease just before it would commit an effect and a [`Mark`] to follow.
    Overtaken = "test_overtaken", attempts 8
);

impl Perform for Overtaken {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        if work.attempt() > 1 {
            return mark(work).await;
        }
        let tx = work.begin().await?;
        write_effect(&tx, &work).await?;
        work.then(&Mark {});
        let taken = "update job set fence = fence + 1, state = 'ready', lease_until = null where id = $1";
        let taken = Statement::from_sql_and_values(DbBackend::Postgres, taken, [work.id().into()]);
        work.db().execute_raw(taken).await?;
        work.done(tx, "too late")
    }
}

impl Perform for Mark {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        mark(work).await
    }
}

impl Perform for Stall {
    const TIMEOUT: Duration = Duration::from_secs(600);

    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        if work.attempt() > 1 {
            return mark(work).await;
        }
        let tx = work.begin().await?;
        write_effect(&tx, &work).await?;
        std::future::pending::<()>().await;
        work.done(tx, "never")
    }
}

impl Perform for Stumble {
    async fn perform(self, _: Work) -> Result<Ending, JobError> {
        Err(JobError::Retry(anyhow::anyhow!("stumbled")))
    }
}

impl Perform for Panic {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        assert!(work.attempt() > 1, "the first attempt panics");
        mark(work).await
    }
}

impl Perform for Decline {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        Ok(work.refuse(Refusal::new("car_taken", "the car is taken").because("/startDate", "taken from then on")))
    }
}

impl Perform for Chain {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        write_effect(&tx, &work).await?;
        work.then(&Mark {});
        work.done(tx, "chained")
    }
}

impl Perform for PassOn {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        work.then(&Mark {});
        Ok(work.skip("somebody else has to do it"))
    }
}

kind!(
    /// Goes on until somebody stops it, and tells that then.
    Linger = "test_linger", attempts 8
);

static STOPPED: Mutex<Vec<(Uuid, i32)>> = Mutex::new(Vec::new());

struct Stopped(Uuid, i32);

impl Drop for Stopped {
    fn drop(&mut self) {
        STOPPED.lock().unwrap_or_else(PoisonError::into_inner).push((self.0, self.1));
    }
}

impl Linger {
    pub(crate) fn stopped(job: Uuid, attempt: i32) -> bool {
        STOPPED.lock().unwrap_or_else(PoisonError::into_inner).contains(&(job, attempt))
    }
}

impl Perform for Linger {
    const TIMEOUT: Duration = Duration::from_secs(600);

    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        let _stopped = Stopped(work.id(), work.attempt());
        std::future::pending().await
    }
}

kind!(
    /// Keeps its connection for three seconds.
    Keep = "test_keep", attempts 8
);

impl Perform for Keep {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        tx.execute_unprepared("select pg_sleep(3)").await?;
        work.done(tx, "kept")
    }
}

kind!(
    /// Has one second, and needs less.
    Hurry = "test_hurry", attempts 8
);

impl Perform for Hurry {
    const TIMEOUT: Duration = Duration::from_secs(1);

    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        mark(work).await
    }
}

kind!(
    /// Waits for a server that does not answer.
    Outside = "test_outside", attempts 8
);

impl Perform for Outside {
    const TIMEOUT: Duration = Duration::from_secs(600);
    const OUTSIDE: bool = true;

    async fn perform(self, _: Work) -> Result<Ending, JobError> {
        std::future::pending().await
    }
}
