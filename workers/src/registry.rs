//! Which code performs which kind of job.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use jobs::{Claimed, Queue};
use uuid::Uuid;

use crate::{Context, Finished, JobError, Perform, PerformTogether, Work, perform::Connected};

type Run = fn(Arc<Context>, Arc<Claimed>, Connected) -> BoxFuture<'static, Result<Finished, JobError>>;
pub(crate) type RunTogether = fn(Arc<Context>, Vec<Arc<Claimed>>) -> BoxFuture<'static, Vec<Option<Finished>>>;

/// How one kind is performed.
#[derive(Clone, Copy)]
pub struct Performer {
    pub kind: &'static str,
    pub queue: Queue,
    pub timeout: Duration,
    pub(crate) outside: bool,
    pub(crate) run: Run,
    pub(crate) run_together: Option<RunTogether>,
}

/// Every kind of job with the code behind it; a pool takes those of its queue.
#[derive(Clone, Default)]
pub struct Registry {
    performers: HashMap<&'static str, Performer>,
}

fn run<J: Perform>(
    context: Arc<Context>,
    job: Arc<Claimed>,
    connected: Connected,
) -> BoxFuture<'static, Result<Finished, JobError>> {
    async move {
        let payload = serde_json::from_str::<J>(&job.payload)
            .map_err(|error| JobError::GiveUp(format!("the payload cannot be read: {error}")))?;
        payload.perform(Work::alone(context, job, connected)).await?.carry_out().await
    }
    .boxed()
}

/// Whatever goes wrong with a group, each of its jobs is performed alone and gets an error of its own.
fn run_together<J: PerformTogether>(
    context: Arc<Context>,
    jobs: Vec<Arc<Claimed>>,
) -> BoxFuture<'static, Vec<Option<Finished>>> {
    async move {
        let ids: Vec<Uuid> = jobs.iter().map(|job| job.id).collect();
        let readable = jobs.into_iter().filter_map(|job| {
            let asked = serde_json::from_str(&job.payload).ok()?;
            Some((asked, Work::together(context.clone(), job)))
        });
        match J::perform_together(readable.collect()).await {
            Ok(mut finished) => ids.iter().map(|id| finished.remove(id)).collect(),
            Err(error) => {
                // Each of them may well succeed: nobody would notice a group that never does, but for the time it takes.
                tracing::warn!(?error, kind = J::KIND, "a group came to nothing; its jobs are performed alone");
                Vec::new()
            }
        }
    }
    .boxed()
}

impl Registry {
    /// Adds a kind.
    ///
    /// # Panics
    /// When two kinds share a name, which every test run notices.
    #[must_use]
    pub fn with<J: Perform>(self) -> Self {
        self.add::<J>(None)
    }

    /// Adds a kind whose jobs are performed together when there are several.
    ///
    /// # Panics
    /// As [`Registry::with`].
    #[must_use]
    pub fn with_groups<J: PerformTogether>(self) -> Self {
        self.add::<J>(Some(run_together::<J>))
    }

    fn add<J: Perform>(mut self, run_together: Option<RunTogether>) -> Self {
        let performer = Performer {
            kind: J::KIND,
            queue: J::QUEUE,
            timeout: J::TIMEOUT,
            outside: J::OUTSIDE,
            run: run::<J>,
            run_together,
        };
        assert!(self.performers.insert(J::KIND, performer).is_none(), "two kinds are named {}", J::KIND);
        self
    }

    pub(crate) fn find(&self, kind: &str) -> Option<Performer> {
        self.performers.get(kind).copied()
    }

    /// Every performer, in no order.
    pub fn performers(&self) -> impl Iterator<Item = &Performer> {
        self.performers.values()
    }
}
