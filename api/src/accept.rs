//! The way of every write: one job row is committed, a worker is woken, and the
//! answer is the outcome when it comes in time, else `202 Accepted`.

mod headers;
mod intake;

use std::time::Duration;

use chrono::{DateTime, Utc};
use jobs::{
    Job, NewJob, Outcome, fault,
    ledger::{self, Accepted, Idempotency, State},
};
use platform::database::{PATIENCE, answered};
use poem_openapi::{
    ApiResponse,
    payload::Json,
    types::{Any, ParseFromJSON, ToJSON},
};
use rules::problem;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

pub use headers::Asking;
pub(crate) use intake::Intake;

use crate::{error::ApiError, front::Front};

/// Between two looks at the row of a request that came before.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How a write is answered.
#[derive(ApiResponse)]
pub enum Written<T: ParseFromJSON + ToJSON + Send + Sync> {
    /// It is done.
    #[oai(status = 200)]
    Done(Json<T>, #[oai(header = "Preference-Applied")] Option<String>),
    /// It is done, and something new stands at `Location`.
    #[oai(status = 201)]
    Created(Json<T>, #[oai(header = "Location")] String, #[oai(header = "Preference-Applied")] Option<String>),
    /// It is accepted and will be done; ask at `Location` how it ended.
    #[oai(status = 202)]
    Accepted(
        Json<view::job::Job>,
        #[oai(header = "Location")] String,
        #[oai(header = "Retry-After")] u64,
        #[oai(header = "Preference-Applied")] Option<String>,
    ),
}

/// Whether a request must carry an `Idempotency-Key`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Required,
    Optional,
}

/// A write on its way.
pub enum Ending {
    /// The outcome document.
    Done(Value),
    /// Not finished in time, or nobody wanted to wait.
    Pending(view::job::Job),
}

/// The document of a job as its asker sees it. Why an attempt failed is told to admins only: it quotes servers behind us.
pub fn job_document(entry: &ledger::Entry) -> view::job::Job {
    let failed = |error: &Value| {
        let reason = "This attempt did not succeed; our people can see why.";
        Any(json!({ "attempt": error["attempt"], "reason": reason }))
    };
    view::job::Job { error: entry.error.as_ref().map(failed), ..full_job_document(entry) }
}

/// The document of a job as an admin sees it.
pub(crate) fn full_job_document(entry: &ledger::Entry) -> view::job::Job {
    view::job::Job {
        id: entry.id,
        kind: entry.kind.clone(),
        state: entry.state.clone(),
        attempt: entry.attempt,
        outcome: entry.outcome.clone().map(Any),
        error: entry.error.clone().map(Any),
        created_at: entry.created_at,
        finished_at: entry.finished_at,
    }
}

/// The same of a job that was accepted this very moment.
fn new_document(job: &NewJob, created_at: DateTime<Utc>) -> view::job::Job {
    view::job::Job {
        id: job.id,
        kind: job.kind.to_owned(),
        state: State::Ready.as_str().to_owned(),
        attempt: 0,
        outcome: None,
        error: None,
        created_at,
        finished_at: None,
    }
}

/// A job in the name of whoever asks, tied to the request that asks for it.
///
/// `request` is what makes two requests the same under one idempotency key; it
/// must not hold a password. A key counts for one person and one operation.
///
/// # Errors
/// When a key is required and missing.
pub fn job_for(
    asking: &Asking,
    key: Key,
    principal: Option<Uuid>,
    job: &impl Job,
    request: &Value,
) -> Result<NewJob, ApiError> {
    if key == Key::Required && asking.key.is_none() {
        return Err(ApiError::new(
            problem::IDEMPOTENCY_KEY_REQUIRED,
            "Send a header Idempotency-Key with a value of your own (a UUID, say), and repeat it when you repeat the request.",
        ));
    }
    let mut job = NewJob::new(job);
    job.principal = principal;
    job.trace = asking.trace.clone();
    job.idempotency = asking.key.clone().map(|key| {
        let request_hash = Sha256::digest(request.to_string()).into();
        Idempotency { key: format!("{key} {}", asking.operation), request_hash }
    });
    Ok(job)
}

impl Front {
    /// Accepts a job and waits for its outcome as long as the asker wants.
    ///
    /// # Errors
    /// The refusal of the worker, a reused key, or a database that is away.
    pub async fn write(&self, asking: &Asking, mut job: NewJob) -> Result<Ending, ApiError> {
        let patience = asking.patience(self.settings.default_wait);
        job.reply_to = (!patience.is_zero()).then(|| self.waiters.front().to_owned());
        // Before the row is there, or a fast worker's outcome is missed.
        let waiter = self.waiters.wait_for(job.id);
        fault::crash_point("before_accept");
        let accepted = answered(PATIENCE, self.intake.accept(&job)).await?;
        fault::crash_point("after_accept");
        let created_at = match accepted {
            Accepted::New { created_at } => created_at,
            Accepted::Before { id, state, outcome } => return self.again(id, state, outcome, patience).await,
        };
        self.tickets.push(job.queue, job.id);
        if patience.is_zero() {
            return Ok(Ending::Pending(new_document(&job, created_at)));
        }
        let outcome = tokio::select! {
            outcome = waiter.wait(patience) => outcome,
            () = self.leaving() => None,
        };
        match outcome {
            Some(outcome) => end(outcome),
            None => self.look(job.id).await,
        }
    }

    /// Comes a moment after this front was told to stop: whoever waits for longer would be cut off without an answer.
    async fn leaving(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(self.settings.default_wait).await;
    }

    /// The same request came before. Its outcome went to whoever asked first, so this one looks at the row,
    /// ever less often.
    async fn again(
        &self,
        id: Uuid,
        state: State,
        outcome: Option<Outcome>,
        patience: Duration,
    ) -> Result<Ending, ApiError> {
        if let Some(outcome) = outcome.filter(|_| state == State::Done) {
            return end(outcome);
        }
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(50);
        loop {
            match self.look(id).await? {
                Ending::Pending(_) if Instant::now() < deadline && !self.stop.is_cancelled() => {
                    sleep_until(deadline.min(Instant::now() + pause)).await
                }
                ending => return Ok(ending),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn look(&self, id: Uuid) -> Result<Ending, ApiError> {
        let entry = answered(PATIENCE, ledger::find(&self.db, id)).await?.ok_or_else(ApiError::not_found)?;
        standing(&entry)
    }
}

/// How a job ended, if it has.
///
/// # Errors
/// The refusal of the worker, or that the job failed.
pub(crate) fn standing(entry: &ledger::Entry) -> Result<Ending, ApiError> {
    match (entry.state(), entry.outcome()) {
        (State::Done, Some(outcome)) => end(outcome),
        (State::Dead | State::Cancelled, _) => {
            let id = entry.id;
            Err(ApiError::new(
                problem::JOB_FAILED,
                format!("The work was tried and could not be finished; people look at it. See /api/v1/jobs/{id}."),
            ))
        }
        _ => Ok(Ending::Pending(job_document(entry))),
    }
}

fn end(outcome: Outcome) -> Result<Ending, ApiError> {
    match outcome {
        Outcome::Done { document } => {
            let document = serde_json::from_str(document.get()).map_err(ApiError::internal)?;
            Ok(Ending::Done(document))
        }
        Outcome::Refused(refusal) => Err(refusal.into()),
    }
}

impl Ending {
    /// 200 with the document, or 202.
    ///
    /// # Errors
    /// When a worker of another release wrote a document that this one cannot read.
    pub fn ok<T: ParseFromJSON + ToJSON + Send + Sync>(self, asking: &Asking) -> Result<Written<T>, ApiError> {
        let applied = asking.applied();
        match self {
            Self::Done(document) => Ok(Written::Done(Json(parse(document)?), applied)),
            Self::Pending(job) => Ok(accepted(job, applied)),
        }
    }

    /// 201 with the document, which stands in a collection under its id, or 202.
    ///
    /// # Errors
    /// As [`Ending::ok`].
    pub fn created<T: ParseFromJSON + ToJSON + Send + Sync>(
        self,
        asking: &Asking,
        collection: &str,
    ) -> Result<Written<T>, ApiError> {
        // The id that the document has: a repeated request has minted another.
        let id = match &self {
            Self::Done(document) => document["id"].as_str().unwrap_or_default(),
            Self::Pending(_) => "",
        };
        let location = format!("{collection}/{id}");
        self.created_at(asking, location)
    }

    /// 201 with the document and where it stands, or 202.
    ///
    /// # Errors
    /// As [`Ending::ok`].
    pub fn created_at<T: ParseFromJSON + ToJSON + Send + Sync>(
        self,
        asking: &Asking,
        location: String,
    ) -> Result<Written<T>, ApiError> {
        let applied = asking.applied();
        match self {
            Self::Done(document) => Ok(Written::Created(Json(parse(document)?), location, applied)),
            Self::Pending(job) => Ok(accepted(job, applied)),
        }
    }
}

fn parse<T: ParseFromJSON>(document: Value) -> Result<T, ApiError> {
    T::parse_from_json(Some(document)).map_err(|error| ApiError::internal(error.into_message()))
}

fn accepted<T: ParseFromJSON + ToJSON + Send + Sync>(job: view::job::Job, applied: Option<String>) -> Written<T> {
    let location = format!("/api/v1/jobs/{}", job.id);
    Written::Accepted(Json(job), location, 1, applied)
}
