//! What can be asked of Forecourt, and how it is remembered until it is done.
//!
//! A job is two things: the payload, here, one file per subject; and the work,
//! in the crate `workers`. The [`ledger`] is the record (PostgreSQL), a
//! [`ticket`] is the hint that hurries a worker (Redis, through apalis), an
//! [`outcome`] is what the asker is told. No other crate knows apalis-redis.

pub mod account;
pub mod booking;
pub mod car;
pub mod damage;
pub mod fault;
pub mod ledger;
pub mod notify;
pub mod outcome;
pub mod photo;
pub mod pubsub;
pub mod queue;
pub mod rental;
pub mod ticket;
mod together;
pub mod waitlist;

use serde::{Serialize, de::DeserializeOwned};

pub use ledger::{Claimed, NewJob};
pub use outcome::{Outcome, Refusal};
pub use queue::Queue;
pub use together::let_others_come_along;

/// Attempts of what needs another server besides the database, the bucket say: it may be away for four hours.
pub(crate) const OUTSIDE_ATTEMPTS: i32 = 25;

/// Something that can be asked for: the payload of one kind of job.
///
/// Payloads evolve like migrations: a new field is optional for one release, and
/// `tests/` pins the JSON of every kind. Commands carry what was said; follow-ups
/// carry ids and re-read the truth. Neither carries a secret or an address.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name on the wire, frozen. Written by hand, because a type name changes
    /// with a refactoring while rows of the old name are still waiting. To rename:
    /// add the new kind, perform both for one release, then drop the old one.
    const KIND: &'static str;
    const QUEUE: Queue;
    /// Failures (not crashes) after which the job is dead.
    const MAX_ATTEMPTS: i32 = 8;
    /// Higher goes first among the due jobs of a queue.
    const PRIORITY: i16 = 0;

    /// What makes two jobs of this kind the same, event included; the second is not inserted.
    fn dedupe_key(&self) -> Option<String> {
        None
    }
}
