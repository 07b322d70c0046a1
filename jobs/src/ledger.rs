//! The record of every job: a row per job, written once when it is accepted and
//! moved by compare-and-swap until it is done, dead or cancelled.
//!
//! Every comparison of times happens in PostgreSQL, on its clock. The functions
//! take a connection or a transaction, so that a caller decides what commits together.

mod accept;
mod admin;
mod claim;
mod complete;

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{DbBackend, FromQueryResult, Statement, Value};
use uuid::Uuid;

pub use accept::{AcceptError, Accepted, Written, accept, accepted, insert, insert_all};
pub use admin::{DEPTH, Depth, Entry, Page, State, dead, depth, discard, find, prune, replay};
pub use claim::{Claimed, MAX_CRASHES, claim, claim_due, claim_suspect, heartbeat, reap};
pub use complete::{
    LeaseLost, complete, complete_all, complete_held, fail, finished, give_up, rejected, release, snooze,
};

use crate::{Job, Queue, fault};

/// A job that is about to be accepted.
#[derive(Clone, Debug)]
pub struct NewJob {
    pub id: Uuid,
    pub queue: Queue,
    pub kind: &'static str,
    /// As JSON. Text from the beginning, because a tree of values would be built, copied and written to become it.
    pub payload: String,
    pub principal: Option<Uuid>,
    pub idempotency: Option<Idempotency>,
    pub dedupe_key: Option<String>,
    pub priority: i16,
    /// How long from now it becomes due; the database adds its own clock.
    pub delay: Duration,
    /// When it becomes due, where that is a fact of the business; wins over `delay`.
    pub run_at: Option<DateTime<Utc>>,
    pub max_attempts: i32,
    pub reply_to: Option<String>,
    pub trace: Trace,
}

/// The client's own name for one request, and what it asked under that name.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// With what it is a key for: two operations of one person may have the same.
    pub key: String,
    /// SHA-256 over the request, so that the same key with another body is noticed.
    pub request_hash: [u8; 32],
}

/// What ties a job to the request that caused it.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// W3C trace context.
    pub traceparent: Option<String>,
    pub request_id: Option<String>,
}

impl NewJob {
    /// # Panics
    /// Never for payloads made of plain data: those always serialise.
    pub fn new<J: Job>(job: &J) -> Self {
        Self {
            id: Uuid::now_v7(),
            queue: J::QUEUE,
            kind: J::KIND,
            payload: serde_json::to_string(job).expect("a payload is plain data"),
            principal: None,
            idempotency: None,
            dedupe_key: job.dedupe_key(),
            priority: J::PRIORITY,
            delay: Duration::ZERO,
            run_at: None,
            max_attempts: J::MAX_ATTEMPTS,
            reply_to: None,
            trace: Trace::default(),
        }
    }

    #[must_use]
    pub fn asked_by(mut self, principal: Uuid) -> Self {
        self.principal = Some(principal);
        self
    }

    #[must_use]
    pub fn at(mut self, run_at: DateTime<Utc>) -> Self {
        self.run_at = Some(run_at);
        self
    }
}

/// A row that tells nothing but which.
#[derive(FromQueryResult)]
struct Id {
    id: Uuid,
}

/// A column of many rows as an array, for `unnest`: one prepared statement then serves every number of rows.
pub fn column<R, T>(rows: &[R], field: impl Fn(&R) -> T) -> Value
where
    Vec<T>: Into<Value>,
{
    rows.iter().map(field).collect::<Vec<T>>().into()
}

fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    if fault::removed("database_clock") {
        let clock = format!("to_timestamp({})", Utc::now().timestamp_micros() as f64 / 1e6);
        return Statement::from_sql_and_values(DbBackend::Postgres, sql.replace("clock_timestamp()", &clock), values);
    }
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}
