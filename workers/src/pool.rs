//! A worker pool's process: takes tickets, claims jobs, runs them under a lease and records how they end.

mod attempt;
mod lease;
mod sweep;
mod take;
mod watch;

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use attempt::{Group, Rights, groups, panic_words, perform};
use jobs::{
    Claimed, Outcome, Queue, fault,
    ledger::{self, LeaseLost},
    outcome::Publisher,
    ticket::{self, Place, Tickets},
};
use lease::Leases;
use platform::{
    Gather,
    database::{PATIENCE, answered},
};
use serde_json::value::RawValue;
use take::claim;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;
use watch::Watch;

use crate::{Context, Finished, JobError, Registry, registry::Performer};

/// One process's share of a queue.
pub struct Pool {
    queue: Queue,
    name: String,
    context: Arc<Context>,
    registry: Registry,
    tickets: Tickets,
    outcomes: Publisher,
    leases: Leases,
    watch: Watch,
    room: Arc<Semaphore>,
    /// How much room one look into the ledger may fill.
    share: usize,
    /// More is due than there was room for.
    behind: AtomicBool,
    /// Claims that come together are one statement.
    claims: Gather<Vec<Uuid>, Vec<Claimed>>,
    groups: HashMap<&'static str, Arc<Group>>,
    /// Those that are not performed in a group hold a connection each, until they end without having written anything.
    rights: Rights,
}

/// Whether the job was still this attempt's.
enum Held {
    Yes,
    No,
}

/// Between two tries at what must be written.
const AGAIN: Duration = Duration::from_millis(500);

/// Connections that are left for claims, leases, ends and groups.
const SHARED_CONNECTIONS: u32 = 6;

impl Pool {
    /// Works on `queue` until `stop`, then lets running jobs finish for `grace` and releases the rest.
    ///
    /// # Errors
    /// When Redis's URL is none.
    pub async fn serve(
        queue: Queue,
        concurrency: usize,
        context: Arc<Context>,
        registry: Registry,
        stop: CancellationToken,
        grace: Duration,
    ) -> anyhow::Result<()> {
        let place = context.settings.ticket_place();
        let name = fault::name(format!("{queue}-{}", Uuid::now_v7().simple()));
        let (db, worker) = (context.db.clone(), name.clone());
        let connections = context.settings.database_connections.saturating_sub(SHARED_CONNECTIONS).max(1);
        let pool = Arc::new(Self {
            queue,
            claims: Gather::start(concurrency, move |ids| claim(db.clone(), queue, ids, worker.clone())),
            groups: groups(queue, concurrency, &context, &registry),
            rights: Rights::to(connections as usize),
            name,
            tickets: Tickets::start(&place)?,
            outcomes: Publisher::connect(&place.redis_url, &place.prefix)?,
            leases: Leases::default(),
            watch: Watch::start()?,
            room: Arc::new(Semaphore::new(concurrency)),
            share: sweep::share(concurrency),
            behind: AtomicBool::new(false),
            context,
            registry,
        });
        // The name stands with the jobs that it works on, so that whoever looks at one finds the process.
        tracing::info!(%queue, worker = pool.name, concurrency, "working");
        let heart = tokio::spawn(pool.clone().keep_leases());
        tokio::spawn(pool.clone().take_suspects(stop.clone()));
        let sweeping = tokio::spawn(pool.clone().sweep(stop.clone()));
        let served = pool.clone().take_tickets(place, stop).await;
        sweeping.await?;
        pool.drain(concurrency, grace).await;
        heart.abort();
        served
    }

    async fn take_tickets(self: Arc<Self>, place: Place, stop: CancellationToken) -> anyhow::Result<()> {
        let (queue, stopping) = (self.queue, stop.clone());
        ticket::serve(place, queue, stop, move |ids| {
            let (pool, stopping) = (self.clone(), stopping.clone());
            async move { pool.take_ticket(ids, &stopping).await }
        })
        .await
    }

    async fn work_on(self: Arc<Self>, job: Arc<Claimed>, permit: OwnedSemaphorePermit) {
        let span = tracing::info_span!(
            "job", job.kind = %job.kind, job.id = %job.id, attempt = job.attempt,
            request_id = job.request_id, traceparent = job.traceparent,
        );
        async {
            let started = std::time::Instant::now();
            self.observe_start(&job);
            let ended = match self.registry.find(&job.kind) {
                Some(performer) => self.attempt(performer, &job).await,
                None => self.park(&job).await,
            };
            self.leases.give_back(&job);
            // The one line that ties a request's id to the work that was done for it.
            tracing::info!(outcome = ended, milliseconds = started.elapsed().as_secs_f64() * 1000.0, "ended");
            metrics::histogram!("jobs_process_duration_seconds", "queue" => self.queue.as_str(), "kind" => job.kind.clone())
                .record(started.elapsed().as_secs_f64());
            metrics::counter!("jobs_attempts_total", "queue" => self.queue.as_str(), "kind" => job.kind.clone(), "outcome" => ended)
                .increment(1);
        }
        .instrument(span)
        .await;
        drop(permit);
    }

    fn observe_start(&self, job: &Claimed) {
        let waited = (job.claimed_at - job.run_at).to_std().unwrap_or_default();
        metrics::histogram!("jobs_start_latency_seconds", "queue" => self.queue.as_str()).record(waited.as_secs_f64());
    }

    /// Runs the job in a task of its own, so that a panic ends the attempt and nothing else.
    async fn attempt(&self, performer: Performer, job: &Arc<Claimed>) -> &'static str {
        if fault::removed("effect_before_ack") {
            let early = Outcome::Done { document: RawValue::NULL.to_owned() };
            let _ = ledger::complete(&self.context.db, job, &early).await;
        }
        let (context, copy) = (self.context.clone(), job.clone());
        let together = (self.groups.get(performer.kind).cloned(), self.rights.clone());
        let attempt = perform(performer, context, copy, together, self.watch.clone());
        let task = tokio::spawn(attempt.instrument(tracing::Span::current()));
        self.leases.hold(job, task.abort_handle());
        match task.await {
            Ok(Ok(finished)) => self.finished(job, finished),
            Ok(Err(JobError::LeaseLost)) => self.lost(job).await,
            Ok(Err(JobError::GiveUp(reason))) => self.gave_up(job, &reason).await,
            Ok(Err(JobError::Retry(error))) => self.failed(job, &format!("{error:#}")).await,
            Err(ended) if ended.is_panic() => self.failed(job, &panic_words(ended)).await,
            Err(_) => self.cancelled(job).await,
        }
    }

    fn finished(&self, job: &Claimed, finished: Finished) -> &'static str {
        for (queue, id) in finished.follow_ups {
            self.tickets.push(queue, id);
        }
        fault::crash_point("before_publish");
        let Some(outcome) = finished.outcome else { return "snoozed" };
        if let Some(front) = &job.reply_to {
            self.outcomes.publish(front, job.id, &outcome);
        }
        match outcome {
            Outcome::Done { .. } => "done",
            Outcome::Refused(refusal) => {
                tracing::info!(code = refusal.code, "refused");
                "refused"
            }
        }
    }

    async fn failed(&self, job: &Claimed, reason: &str) -> &'static str {
        let last = job.attempt >= job.max_attempts;
        tracing::warn!(reason, "the attempt failed");
        if last {
            tracing::error!(reason, "the job is dead");
        }
        match self.record(|| ledger::fail(&self.context.db, job, reason)).await {
            Held::No => self.lost(job).await,
            Held::Yes if last => "dead",
            Held::Yes => "failed",
        }
    }

    async fn gave_up(&self, job: &Claimed, reason: &str) -> &'static str {
        tracing::error!(reason, "the job is dead");
        match self.record(|| ledger::give_up(&self.context.db, job, reason)).await {
            Held::No => self.lost(job).await,
            Held::Yes => "dead",
        }
    }

    /// The attempt was stopped from outside: the lease was lost, or the process stops.
    async fn cancelled(&self, job: &Claimed) -> &'static str {
        match self.record(|| ledger::release(&self.context.db, job)).await {
            Held::No => self.lost(job).await,
            Held::Yes => "released",
        }
    }

    /// A newer release knows this kind: it is put off, not burned.
    async fn park(&self, job: &Claimed) -> &'static str {
        tracing::warn!("this release does not know the kind; the job is parked");
        match self.record(|| ledger::snooze(&self.context.db, job, Duration::from_secs(60))).await {
            Held::No => self.lost(job).await,
            Held::Yes => "parked",
        }
    }

    /// Writes down how an attempt ended, trying on while the database is away: an end
    /// that is not written would count as a crash.
    async fn record<F, Fut>(&self, write: F) -> Held
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<(), LeaseLost>>,
    {
        loop {
            match answered(PATIENCE, write()).await {
                Ok(()) => return Held::Yes,
                Err(LeaseLost::Lost) => return Held::No,
                Err(LeaseLost::Database(error)) => {
                    tracing::warn!(%error, "the end of an attempt could not be written yet");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// The lease is gone: somebody took it, or this attempt had ended and only the answer to its commit was lost.
    async fn lost(&self, job: &Claimed) -> &'static str {
        match answered(PATIENCE, ledger::finished(&self.context.db, job)).await {
            Ok(Some(outcome)) => {
                tracing::info!("the attempt had ended; the answer to its commit was lost");
                self.finished(job, Finished { outcome: Some(outcome), follow_ups: Vec::new() })
            }
            Ok(None) | Err(_) => {
                tracing::warn!("the lease was lost; whatever this attempt did is rolled back");
                metrics::counter!("jobs_lease_lost_total").increment(1);
                "lease_lost"
            }
        }
    }

    async fn keep_leases(self: Arc<Self>) {
        let lease = self.queue.lease();
        let mut beat = tokio::time::interval(lease / 3);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            beat.tick().await;
            while !self.leases.renew(&self.context.db, lease).await {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    async fn drain(&self, concurrency: usize, grace: Duration) {
        let all = u32::try_from(concurrency).unwrap_or(u32::MAX);
        if tokio::time::timeout(grace, self.room.acquire_many(all)).await.is_ok() {
            return;
        }
        tracing::warn!("the grace is over; unfinished jobs are released");
        self.leases.cancel_all();
        let _ = tokio::time::timeout(Duration::from_secs(5), self.room.acquire_many(all)).await;
    }
}
