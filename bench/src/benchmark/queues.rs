//! Jobs that do nothing, enqueued and drained beside the two official Rust queues.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use futures::future::try_join_all;
use jobs::{NewJob, ledger as record, ticket::Tickets};
use sea_orm::{ConnectOptions, Database};
use serde::Deserialize;
use tokio::process::Command;

use super::{Aim, Benchmark, Metric, drain, figure, ledger, limit, metric, noop};
use crate::{
    figure::Figures,
    ground::{CUSTOMERS, Ground, House},
};

pub(super) struct Queues;

/// Jobs that are enqueued together, on every side.
const BATCH: u64 = 1_000;
/// Clients that enqueue one by one, on every side.
const CLIENTS: usize = CUSTOMERS;

/// The phases of each queue, and to which of ours they are held.
const PHASES: [(&str, &str); 7] = [
    ("river batch", "batch"),
    ("river single", "single"),
    ("river drain", "drain"),
    ("river drain by default", "drain"),
    ("bullmq batch", "batch"),
    ("bullmq single", "single"),
    ("bullmq drain", "drain"),
];

#[async_trait(?Send)]
impl Benchmark for Queues {
    fn name(&self) -> &'static str {
        "queues"
    }

    fn about(&self) -> &'static str {
        "jobs that do nothing beside riverqueue and bullmq-official: enqueued a thousand at a time and one by one by 32 clients, drained 100 at a time"
    }

    fn metrics(&self) -> Vec<Metric> {
        PHASES.map(|(name, _)| metric(name, "/s", Aim::None)).to_vec()
    }

    async fn ours(&self, ground: &Ground) -> Result<Figures> {
        let house = ground.house().await?;
        let jobs = drain::backlog(ground);
        let batch = in_batches(&house, jobs).await?;
        let drain = noop::drain(ground, &house, jobs).await?;
        let single = one_by_one(ground, &house, jobs / 2).await?;
        house.close().await?;
        let of = |ours| match ours {
            "batch" => batch,
            "single" => single,
            _ => drain,
        };
        Ok(PHASES.map(|(name, ours)| figure(name, of(ours))).to_vec())
    }

    async fn other(&self, ground: &Ground) -> Result<Option<Figures>> {
        let Some(program) = &ground.queues else { return Ok(None) };
        let mut figures = run(ground, program, "river").await?;
        figures.extend(run(ground, program, "bullmq").await?);
        Ok(Some(figures))
    }
}

/// Jobs per second; every batch is a transaction.
async fn in_batches(house: &House<'_>, jobs: u64) -> Result<f64> {
    let started = Instant::now();
    for first in (0..jobs).step_by(BATCH as usize) {
        let batch: Vec<_> = (first..jobs.min(first + BATCH)).map(|_| NewJob::new(&ledger::Nothing {})).collect();
        record::insert_all(&house.db, &batch).await?;
    }
    Ok(jobs as f64 / started.elapsed().as_secs_f64())
}

/// Jobs per second; every job is a transaction and a ticket, as in the front when nobody else asks.
async fn one_by_one(ground: &Ground, house: &House<'_>, jobs: u64) -> Result<f64> {
    let mut options = ConnectOptions::new(&house.url);
    options.max_connections(u32::try_from(CLIENTS)?);
    let db = Database::connect(options).await?;
    let tickets = Tickets::start(&ledger::settings(ground, house).ticket_place())?;
    let started = Instant::now();
    let clients = (0..CLIENTS).map(|client| {
        let (db, tickets) = (db.clone(), tickets.clone());
        tokio::spawn(async move {
            for _ in (client as u64..jobs).step_by(CLIENTS) {
                let job = NewJob::new(&ledger::Nothing {});
                record::accept(&db, &job).await?;
                tickets.push(job.queue, job.id);
            }
            anyhow::Ok(())
        })
    });
    try_join_all(clients).await?.into_iter().collect::<Result<()>>()?;
    let took = started.elapsed();
    db.close().await?;
    Ok(jobs as f64 / took.as_secs_f64())
}

/// One round of one of the two, in a process and a database of its own and in our Redis.
async fn run(ground: &Ground, program: &Path, library: &str) -> Result<Figures> {
    let house = ground.house().await?;
    let mut command = Command::new(program);
    command.arg(library).env("DATABASE_URL", &house.url).env("REDIS_URL", ground.services.redis_url());
    let (clients, concurrency) = (CLIENTS as u64, noop::CONCURRENCY as u64);
    let jobs = drain::backlog(ground);
    for (name, number) in [("--jobs", jobs), ("--batch", BATCH), ("--clients", clients), ("--concurrency", concurrency)]
    {
        command.arg(name).arg(number.to_string());
    }
    let said = limit::said(command).await.with_context(|| library.to_owned())?;
    house.close().await?;
    parse(library, &said)
}

/// The rate of every phase of one of the two, from what the program printed.
fn parse(library: &str, said: &str) -> Result<Figures> {
    #[derive(Deserialize)]
    struct Line {
        phase: String,
        rate: f64,
    }
    let read = |line: &str| {
        let Line { phase, rate } = serde_json::from_str(line).with_context(|| format!("{library} said {line:?}"))?;
        Ok(figure(&format!("{library} {phase}"), rate))
    };
    let figures = said.lines().map(read).collect::<Result<Figures>>()?;
    let mut wanted = PHASES.iter().map(|(name, _)| *name).filter(|name| name.starts_with(library));
    let missing = wanted.find(|name| !figures.iter().any(|(figure, _)| figure == name));
    ensure!(missing.is_none(), "no {missing:?} in {said:?}");
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH_SAID: &str = r#"{"phase":"batch","jobs":20,"seconds":0.5,"rate":40.0}"#;
    const SINGLE_SAID: &str = r#"{"phase":"single","jobs":10,"seconds":0.5,"rate":20.0}"#;
    const DRAIN_SAID: &str = r#"{"phase":"drain","jobs":20,"seconds":2.0,"rate":10.0}"#;

    #[test]
    fn every_phase_is_read_under_the_name_of_its_library() {
        let figures = parse("bullmq", &[BATCH_SAID, DRAIN_SAID, SINGLE_SAID].join("\n")).unwrap();
        let expected = [("bullmq batch", 40.0), ("bullmq drain", 10.0), ("bullmq single", 20.0)];
        assert_eq!(figures, expected.map(|(name, rate)| figure(name, rate)));
    }

    #[test]
    fn a_phase_that_was_not_measured_is_no_figure_but_an_error() {
        assert!(parse("bullmq", &[BATCH_SAID, DRAIN_SAID].join("\n")).is_err());
        // River is also drained by its defaults.
        assert!(parse("river", &[BATCH_SAID, DRAIN_SAID, SINGLE_SAID].join("\n")).is_err());
    }

    #[test]
    fn whatever_is_no_phase_is_an_error() {
        assert!(parse("bullmq", &[BATCH_SAID, "a warning", DRAIN_SAID, SINGLE_SAID].join("\n")).is_err());
    }
}
