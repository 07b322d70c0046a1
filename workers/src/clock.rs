//! What is due by time of day. It only enqueues and forgets; the work is a job like any other.
//!
//! Dedupe keys make repeats harmless, so several clocks may run and none is a leader.

mod decision;
mod rental;
mod waitlist;

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use jobs::{
    Job, NewJob,
    booking::ReleaseNoShow,
    fault, ledger,
    photo::ForgetUploads,
    ticket::{Place, Tickets},
};
use platform::{
    Settings,
    database::{PATIENCE, answered},
    probe::Probe,
    settings::Reader,
};
use rules::booking::{BookingStatus, Limits};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, FromQueryResult, Statement, Value};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{argument, booking::unresolved};

/// How often the clock looks.
const TICK: Duration = Duration::from_secs(5);

/// Subjects of one kind in one round; the rest waits for the next.
const BATCH: i64 = 500;

/// The whole life of the clock's process.
///
/// # Errors
/// Names every setting that is wrong.
pub async fn run() -> anyhow::Result<()> {
    argument::check("The clock of Forecourt: asks for what is due by time of day.".to_owned());
    platform::log::start();
    platform::metric::start();
    let mut reader = Reader::default();
    let settings = Settings::read(&mut reader);
    // Long enough for every client to repeat its request under the same idempotency key.
    let keep_days = reader.within("JOB_RETENTION_DAYS", 1..=36_500, 30);
    reader.finish()?;
    let db = platform::database::connect(&settings).await?;
    let stop = platform::signal::stop_token()?;
    if let Some(listen) = settings.probe_listen {
        Probe::new(db.clone(), stop.clone()).serve(listen).await?;
    }
    tracing::info!("working");
    keep_time(&db, &settings.ticket_place(), keep_days, stop).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Ticks until `stop`. A round that fails is repeated by the next.
///
/// # Errors
/// When the URL is no Redis URL.
pub async fn keep_time(
    db: &DatabaseConnection,
    place: &Place,
    keep_days: i32,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let tickets = Tickets::start(place)?;
    while !stop.is_cancelled() {
        match tick(db, &tickets, keep_days).await {
            Ok(()) => metrics::gauge!("clock_last_round_timestamp_seconds").set(Utc::now().timestamp() as f64),
            Err(error) => tracing::warn!(%error, "this round of the clock failed; the next repeats it"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
    Ok(())
}

/// Everything that is due by time of day. What fails or hangs keeps nothing else from being done; the first failure is told.
async fn tick(db: &DatabaseConnection, tickets: &Tickets, keep_days: i32) -> Result<(), DbErr> {
    let steps: [BoxFuture<'_, Result<(), DbErr>>; 10] = [
        Box::pin(async { enqueue(db, tickets, waitlist::due(db).await?).await }),
        Box::pin(async { enqueue(db, tickets, jobs(not_collected(db).await?)).await }),
        Box::pin(async { enqueue(db, tickets, jobs(decision::reminders(db).await?)).await }),
        Box::pin(async { enqueue(db, tickets, jobs(decision::digests(db).await?)).await }),
        Box::pin(async { enqueue(db, tickets, jobs(uploads(db).await?)).await }),
        Box::pin(async { enqueue(db, tickets, jobs(rental::ending(db).await?)).await }),
        Box::pin(async { enqueue(db, tickets, jobs(rental::overdue(db).await?)).await }),
        Box::pin(async { enqueue(db, tickets, jobs(unresolved(db, BATCH).await?)).await }),
        Box::pin(async { ledger::prune(db, keep_days).await.map(|_| ()) }),
        Box::pin(forget(db)),
    ];
    let mut ended = Vec::new();
    for step in steps {
        ended.push(answered(PATIENCE, step).await);
    }
    ended.into_iter().collect()
}

fn jobs<J: Job>(due: impl IntoIterator<Item = J>) -> Vec<NewJob> {
    due.into_iter().map(|job| NewJob::new(&job)).collect()
}

async fn enqueue(db: &DatabaseConnection, tickets: &Tickets, due: Vec<NewJob>) -> Result<(), DbErr> {
    for job in due {
        ledger::insert(db, std::slice::from_ref(&job)).await?;
        fault::crash_point("after_clock_before_push");
        tickets.push(job.queue, job.id);
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Moment {
    at: DateTime<Utc>,
}

/// Uploads that had their time to become part of a return; once an hour.
async fn uploads(db: &DatabaseConnection) -> Result<Option<ForgetUploads>, DbErr> {
    let hour = "select date_trunc('hour', now()) - interval '48 hours' as at";
    let Some(Moment { at: before }) = Moment::find_by_statement(statement(hour, [])).one(db).await? else {
        return Ok(None);
    };
    let uploads = ForgetUploads { before, after: None };
    // By the key, which has an index; the ledger is large.
    let asked = "select 1 from job where kind = $1 and dedupe_key = $2";
    let values = [ForgetUploads::KIND.into(), uploads.dedupe_key().into()];
    Ok(db.query_one_raw(statement(asked, values)).await?.is_none().then_some(uploads))
}

#[derive(FromQueryResult)]
struct NotCollected {
    id: Uuid,
    starts_at: DateTime<Utc>,
}

/// Bookings whose customer has not come, and that no job was asked to release yet; once for every start.
async fn not_collected(db: &DatabaseConnection) -> Result<Vec<ReleaseNoShow>, DbErr> {
    let sql = "select b.id, b.starts_at from booking b
               where b.status = $1 and b.starts_at < now() - make_interval(secs => $2)
                 and not exists (select 1 from job j where j.kind = 'release_no_show'
                     and j.dedupe_key = b.id || '/' || floor(extract(epoch from b.starts_at))::bigint)
               order by b.starts_at limit $3";
    let patience = Limits::default().no_show_after.as_seconds_f64();
    let values = [BookingStatus::Confirmed.as_str().into(), patience.into(), BATCH.into()];
    let rows = NotCollected::find_by_statement(statement(sql, values)).all(db).await?;
    Ok(rows.iter().map(|row| ReleaseNoShow { booking_id: row.id, start: Some(row.starts_at) }).collect())
}

fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

/// Drops what is of no more use: sessions that ended, registrations that never became accounts, links that expired. Every few
/// seconds, so each finds it by an index, or in a table that never grows large.
pub const FORGET: [&str; 5] = [
        // Its job has the same id. Without one, the row is of a request that came again, or whose front died.
        "delete from registration where created_at < now() - interval '1 hour'
         and not exists (select 1 from job where job.id = registration.id and job.state in ('ready', 'running', 'dead'))",
        "delete from session where greatest(expires_at, revoked_at) < now() - interval '30 days'",
        "delete from refresh_token where used_at < now() - interval '30 days'",
        "delete from decision_call where created_at < now() - interval '30 days' and (alone or told_by is not null)",
        "delete from link where expires_at < now() - interval '30 days'",
];

async fn forget(db: &DatabaseConnection) -> Result<(), DbErr> {
    for sql in FORGET {
        db.execute_unprepared(sql).await?;
    }
    Ok(())
}
