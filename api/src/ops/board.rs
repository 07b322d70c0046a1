//! What the page shows: depth per queue, what runs, what is dead and why.

use chrono::{DateTime, Utc};
use entity::job;
use jobs::{
    Queue,
    ledger::{self, Depth, Entry},
};
use poem::{Response, http::StatusCode};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;

use super::visit::Visit;
use crate::{
    error::ApiError,
    front::Front,
    page::{Frame, Page},
};

/// Dead and running jobs that are shown.
const SHOWN: u64 = 50;
/// A due job that waits longer than this is an alarm, in seconds.
const LATE: f64 = 60.0;
/// The same of one whose worker is gone: others take it back within a second, where there are any.
const LEFT: f64 = 5.0;

#[derive(Serialize)]
struct Board {
    now: String,
    said: Option<&'static str>,
    health: Health,
    queues: Vec<QueueRow>,
    running: Vec<RunningRow>,
    dead: Vec<DeadRow>,
    more: bool,
    shown: u64,
    csrf: String,
}

#[derive(Serialize)]
struct Health {
    tone: &'static str,
    label: String,
}

#[derive(Serialize)]
struct QueueRow {
    name: &'static str,
    ready: i64,
    running: i64,
    /// Their workers are gone, and nobody has taken them back.
    abandoned: i64,
    dead: i64,
    oldest: String,
    alarm: bool,
}

#[derive(Serialize)]
struct RunningRow {
    kind: String,
    queue: String,
    attempt: i32,
    worker: String,
    age: String,
    id: String,
}

#[derive(Serialize)]
struct DeadRow {
    kind: String,
    queue: String,
    id: String,
    reason: String,
    attempt: i32,
    crashes: i32,
    age: String,
}

pub(super) async fn show(front: &Front, visit: &Visit, said: Option<&'static str>) -> Result<Response, ApiError> {
    let now = Utc::now();
    let queues = rows(&ledger::depth(&front.db).await?);
    let mut dead = ledger::dead(&front.db, ledger::Page { before: None, limit: SHOWN + 1 }).await?;
    let more = dead.len() as u64 > SHOWN;
    dead.truncate(SHOWN as usize);
    let board = Board {
        now: now.format("%a %-d %b %Y, %H:%M:%S UTC").to_string(),
        said,
        health: health(&queues),
        queues,
        running: running(front, now).await?,
        dead: dead.into_iter().map(|entry| dead_row(entry, now)).collect(),
        more,
        shown: SHOWN,
        csrf: visit.csrf(front),
    };
    Ok(Page::Ops.show(StatusCode::OK, Frame { title: "Queues", aside: "Operations" }, &board))
}

fn rows(depths: &[Depth]) -> Vec<QueueRow> {
    let row = |queue: Queue| {
        let find = |state: &str| depths.iter().find(|depth| depth.queue == queue.as_str() && depth.state == state);
        let jobs = |state: &str| find(state).map_or(0, |depth| depth.jobs);
        let waits = |state: &str| find(state).map_or(0.0, |depth| depth.oldest_seconds);
        let oldest = waits("ready").max(waits("abandoned"));
        QueueRow {
            name: queue.as_str(),
            ready: jobs("ready"),
            running: jobs("running"),
            abandoned: jobs("abandoned"),
            dead: jobs("dead"),
            oldest: if oldest > 0.0 { age(oldest) } else { "–".to_owned() },
            alarm: oldest > LATE || waits("abandoned") > LEFT,
        }
    };
    Queue::ALL.into_iter().map(row).collect()
}

fn health(queues: &[QueueRow]) -> Health {
    let late = queues.iter().filter(|queue| queue.alarm).count();
    let dead: i64 = queues.iter().map(|queue| queue.dead).sum();
    match (late, dead) {
        (0, 0) => Health { tone: "good", label: "All is moving".to_owned() },
        (0, dead) => Health { tone: "warn", label: format!("{dead} dead") },
        (late, _) => Health { tone: "bad", label: format!("{late} late") },
    }
}

async fn running(front: &Front, now: DateTime<Utc>) -> Result<Vec<RunningRow>, ApiError> {
    let running = job::Entity::find().filter(job::Column::State.eq("running")).order_by_asc(job::Column::CreatedAt);
    let jobs = running.limit(SHOWN).all(&front.db).await?;
    let row = |job: job::Model| RunningRow {
        kind: job.kind,
        queue: job.queue,
        attempt: job.attempt,
        worker: job.worker.unwrap_or_default(),
        age: since(job.created_at, now),
        id: job.id.to_string(),
    };
    Ok(jobs.into_iter().map(row).collect())
}

/// The payload is not shown here: only what a person needs to choose between the two buttons.
fn dead_row(entry: Entry, now: DateTime<Utc>) -> DeadRow {
    let reason = entry.error.as_ref().and_then(|error| error["reason"].as_str()).unwrap_or("no reason is on record");
    DeadRow {
        reason: reason.chars().take(400).collect(),
        age: since(entry.finished_at.unwrap_or(entry.created_at), now),
        kind: entry.kind,
        queue: entry.queue,
        id: entry.id.to_string(),
        attempt: entry.attempt,
        crashes: entry.crashes,
    }
}

fn since(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    age((now - at).as_seconds_f64())
}

/// Seconds in the unit that fits.
fn age(seconds: f64) -> String {
    match seconds.max(0.0) {
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7_200.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds < 172_800.0 => format!("{:.0} h", seconds / 3_600.0),
        seconds => format!("{:.0} d", seconds / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_stands_still_is_an_alarm() {
        let depth = |state: &str, oldest_seconds| Depth {
            queue: "notify".to_owned(),
            state: state.to_owned(),
            jobs: 3,
            oldest_seconds,
        };
        let alarm = |state, seconds| rows(&[depth(state, seconds)]).iter().any(|row| row.alarm);
        assert!(alarm("ready", 61.0) && !alarm("ready", 59.0));
        assert!(alarm("abandoned", 6.0) && !alarm("abandoned", 1.0) && !alarm("running", 0.0));
        assert_eq!(health(&rows(&[])).tone, "good");
        assert_eq!(health(&rows(&[depth("ready", 100.0)])).tone, "bad");
    }

    #[test]
    fn the_page_shows_dead_jobs_with_their_buttons() {
        let dead = DeadRow {
            kind: "send_mail".to_owned(),
            queue: "notify".to_owned(),
            id: "01a1".to_owned(),
            reason: "<refused>".to_owned(),
            attempt: 25,
            crashes: 2,
            age: age(9.0),
        };
        let running = RunningRow {
            kind: "detect_damage".to_owned(),
            queue: "damage".to_owned(),
            attempt: 1,
            worker: "w".to_owned(),
            age: age(1.0),
            id: "01a2".to_owned(),
        };
        let queues = rows(&[]);
        let health = health(&queues);
        let said = Some("Done.");
        let (now, csrf) = ("now".to_owned(), "C".to_owned());
        let board =
            Board { now, said, health, queues, running: vec![running], dead: vec![dead], more: true, shown: 50, csrf };
        let page = Page::Ops.html(Frame { title: "Queues", aside: "" }, &board).unwrap();
        for words in [
            "/ops/jobs/01a1/replay",
            "/ops/jobs/01a1/discard",
            "&lt;refused&gt;",
            "2 crashes",
            "detect_damage",
            "value=\"C\"",
        ] {
            assert!(page.contains(words), "{words}");
        }
    }

    #[test]
    fn ages_are_short() {
        assert_eq!([3.2, 130.0, 7_300.0, 200_000.0].map(age), ["3 s", "2 min", "2 h", "2 d"]);
    }
}
