//! Which code performs which kind of job.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use jobs::{Claimed, Queue};

use crate::{Context, Finished, JobError, Perform, Work};

type Run = fn(Arc<Context>, Claimed) -> BoxFuture<'static, Result<Finished, JobError>>;

/// How one kind is performed.
#[derive(Clone, Copy)]
pub struct Performer {
    pub kind: &'static str,
    pub queue: Queue,
    pub timeout: Duration,
    pub(crate) run: Run,
}

/// Every kind of job with the code behind it; a pool takes those of its queue.
#[derive(Clone, Default)]
pub struct Registry {
    performers: HashMap<&'static str, Performer>,
}

fn run<J: Perform>(context: Arc<Context>, job: Claimed) -> BoxFuture<'static, Result<Finished, JobError>> {
    async move {
        let payload = serde_json::from_value::<J>(job.payload.clone())
            .map_err(|error| JobError::GiveUp(format!("the payload cannot be read: {error}")))?;
        payload.perform(Work::new(context, job)).await
    }
    .boxed()
}

impl Registry {
    /// Adds a kind.
    ///
    /// # Panics
    /// When two kinds share a name, which every test run notices.
    #[must_use]
    pub fn with<J: Perform>(mut self) -> Self {
        let performer = Performer { kind: J::KIND, queue: J::QUEUE, timeout: J::TIMEOUT, run: run::<J> };
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
