//! Measures Forecourt and, side by side with it, what users would otherwise pick.
//!
//! The sides take turns, round by round, on the same machine in the same minutes:
//! what one machine makes of one side says little, the ratio of the two holds.

// The future of a whole boot nests deeper than the optimiser looks by default.
#![recursion_limit = "256"]
#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may stop at a surprise"))]

mod benchmark;
mod figure;
mod ground;
mod load;
mod peer;
mod report;
mod running;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use benchmark::Benchmark;
use clap::Parser;
use ground::{Choice, Ground};
use report::{Report, Round};

/// Measures Forecourt beside a peer, in alternating rounds
#[derive(Parser)]
#[command(name = "bin/bench")]
struct Arguments {
    /// What to measure, by name; everything when nothing is named
    names: Vec<String>,

    /// List the names
    #[arg(long)]
    list: bool,

    /// One short round each: shows that it runs, not how fast
    #[arg(long)]
    quick: bool,

    /// How often the sides take turns
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,

    /// How long a side is measured in one round
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,

    /// The folder of the peer's scripts; without it only Forecourt is measured
    #[arg(long, env = "PEER_DIR", value_name = "DIR")]
    peer: Option<PathBuf>,

    /// The program of `bench/queues`; without it there are no other queues to compare with
    #[arg(long, env = "QUEUES_PROGRAM", value_name = "FILE")]
    queues: Option<PathBuf>,

    /// A YOLOX model to look for damage with, instead of the tiny one
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// Growth up to a hundred times the rows
    #[arg(long)]
    huge: bool,

    /// Write every figure of every round to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.list {
        benchmark::all().iter().for_each(|each| println!("{:8} {}", each.name(), each.about()));
        return Ok(());
    }
    measure(arguments).await
}

async fn measure(arguments: Arguments) -> Result<()> {
    let Arguments { names, quick, rounds, seconds, peer, queues, model, huge, json, .. } = arguments;
    let chosen = chosen(&names)?;
    eprintln!("starting PostgreSQL, Redis and the bucket …");
    let ground = Ground::prepare(Choice { peer, queues, model, seconds, quick, huge }).await?;
    let rounds = rounds.unwrap_or(if quick { 1 } else { 5 });
    let measured = tokio::select! {
        measured = all_rounds(&chosen, &ground, rounds, json.as_deref()) => measured,
        stopped = tokio::signal::ctrl_c() => stopped.map_err(Into::into),
    };
    // While their folder is there: Redis does not end before it has saved.
    ground.services.stop().await;
    measured
}

async fn all_rounds(chosen: &[Box<dyn Benchmark>], ground: &Ground, rounds: usize, json: Option<&Path>) -> Result<()> {
    let mut reports = Vec::new();
    for benchmark in chosen {
        let rounds = if benchmark.once() { 1 } else { rounds };
        let report = take_turns(&**benchmark, ground, rounds).await;
        reports.push(report.with_context(|| format!("the benchmark {}", benchmark.name()))?);
        // After each, because a long run may be ended early.
        if let Some(file) = json {
            report::save(file, &reports)?;
        }
    }
    reports.iter().for_each(Report::print);
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<Box<dyn Benchmark>>> {
    let mut all = benchmark::all();
    let unknown: Vec<_> = names.iter().filter(|name| !all.iter().any(|each| each.name() == *name)).collect();
    ensure!(unknown.is_empty(), "there is no {unknown:?}; --list shows the names");
    all.retain(|each| names.is_empty() || names.iter().any(|name| name == each.name()));
    Ok(all)
}

/// Both sides in every round, and every other round in the other order.
async fn take_turns(benchmark: &dyn Benchmark, ground: &Ground, rounds: usize) -> Result<Report> {
    let mut done = Vec::new();
    for number in 0..rounds {
        let say = |side: &str, words: String| eprintln!("{} {}/{rounds} {side}: {words}", benchmark.name(), number + 1);
        let ours = async || {
            let figures = benchmark.ours(ground).await?;
            say("forecourt", report::told(&figures));
            anyhow::Ok(figures)
        };
        let theirs = async || {
            let figures = benchmark.other(ground).await?;
            figures.iter().for_each(|figures| say("peer", report::told(figures)));
            anyhow::Ok(figures)
        };
        let (ours, theirs) = if number % 2 == 0 {
            let ours = ours().await?;
            (ours, theirs().await?)
        } else {
            let theirs = theirs().await?;
            (ours().await?, theirs)
        };
        done.push(Round { ours, theirs, load: load_average()? });
    }
    Ok(Report::new(benchmark, done))
}

fn load_average() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().context("an empty load average")?.parse()?)
}
