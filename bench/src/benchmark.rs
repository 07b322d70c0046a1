//! What is measured: one file per benchmark.

mod accept;
mod decide;
mod drain;
mod growth;
mod idle;
mod infer;
mod ledger;
mod limit;
mod memory;
mod noop;
mod photo;
mod promote;
mod queues;
mod thumbs;

use anyhow::Result;
use async_trait::async_trait;

use crate::{figure::Figures, ground::Ground, peer::Peer};

/// One number of a benchmark, and what it should come to.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) aim: Aim,
}

/// What a number should come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Aim {
    /// At least so many times the peer's.
    Times(f64),
    /// Lower than the peer's.
    Lower,
    /// At most this.
    AtMost(f64),
    /// It is shown for its own sake.
    None,
}

/// A thing that Forecourt does, and the same thing as the peer does it.
#[async_trait(?Send)]
pub(crate) trait Benchmark: Send + Sync {
    fn name(&self) -> &'static str;

    /// In a few words.
    fn about(&self) -> &'static str;

    fn metrics(&self) -> Vec<Metric>;

    /// One round of Forecourt.
    async fn ours(&self, ground: &Ground) -> Result<Figures>;

    /// One round of the peer; `None` where the peer has nothing of the kind.
    async fn theirs(&self, _: &Ground, _: &Peer) -> Result<Option<Figures>> {
        Ok(None)
    }

    /// One round of what Forecourt is compared with, if that is here: the peer, unless a benchmark says otherwise.
    async fn other(&self, ground: &Ground) -> Result<Option<Figures>> {
        match &ground.peer {
            Some(peer) => self.theirs(ground, peer).await,
            None => Ok(None),
        }
    }

    /// A benchmark whose numbers hardly differ between rounds needs one round only.
    fn once(&self) -> bool {
        false
    }
}

/// All of them, in the order of the report.
pub(crate) fn all() -> Vec<Box<dyn Benchmark>> {
    vec![
        Box::new(limit::Limit),
        Box::new(accept::Accept),
        Box::new(decide::Decide),
        Box::new(drain::Drain),
        Box::new(idle::Idle),
        Box::new(noop::Noop),
        Box::new(queues::Queues),
        Box::new(thumbs::Thumbs),
        Box::new(infer::Infer),
        Box::new(promote::Promote),
        Box::new(memory::Memory),
        Box::new(growth::Growth),
    ]
}

fn metric(name: &'static str, unit: &'static str, aim: Aim) -> Metric {
    Metric { name, unit, aim }
}

fn figure(name: &str, value: f64) -> (String, f64) {
    (name.to_owned(), value)
}
