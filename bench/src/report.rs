//! What is shown of the rounds: while they run, at the end, and as JSON.

use std::{path::Path, time::SystemTime};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{
    benchmark::{Aim, Benchmark, Metric},
    figure::{Figures, Spread, short},
};

/// One round: ours, the peer's where there is one, and how busy the machine was.
#[derive(Serialize)]
pub(crate) struct Round {
    pub(crate) ours: Figures,
    pub(crate) theirs: Option<Figures>,
    /// Processes that ran or wanted to, over the last minute.
    pub(crate) load: f64,
}

#[derive(Serialize)]
pub(crate) struct Report {
    benchmark: &'static str,
    about: &'static str,
    load: Option<Spread>,
    lines: Vec<Line>,
    rounds: Vec<Round>,
}

/// One metric over all rounds.
#[derive(Serialize)]
struct Line {
    metric: &'static str,
    unit: &'static str,
    ours: Spread,
    theirs: Option<Spread>,
    /// Of each round's own two numbers, so that what disturbed both cancels out.
    ratio: Option<Spread>,
    aim: String,
    /// Whether the median meets the aim; nothing where it cannot be told.
    met: Option<bool>,
}

impl Report {
    pub(crate) fn new(benchmark: &dyn Benchmark, rounds: Vec<Round>) -> Self {
        let lines = benchmark.metrics().iter().filter_map(|metric| line(metric, &rounds)).collect();
        let load = Spread::of(rounds.iter().map(|round| round.load));
        Self { benchmark: benchmark.name(), about: benchmark.about(), load, lines, rounds }
    }

    /// The report of one benchmark for a reader, in Markdown.
    pub(crate) fn print(&self) {
        let load = self.load.map_or_else(String::new, |load| format!(" Load average {}.", spread(&load)));
        println!("\n### {}\n\n{}. {} rounds.{load}\n", self.benchmark, self.about, self.rounds.len());
        println!("| | Forecourt | peer | ratio | aim | |\n|---|---|---|---|---|---|");
        for line in &self.lines {
            let or_dash = |it: &Option<Spread>| it.as_ref().map_or("–".to_owned(), spread);
            let met = line.met.map_or("", |met| if met { "met" } else { "**not met**" });
            let Line { metric, unit, ours, theirs, ratio, aim, .. } = line;
            let ratio = or_dash(ratio);
            println!("| {metric} ({unit}) | {} | {} | {ratio} | {aim} | {met} |", spread(ours), or_dash(theirs));
        }
    }
}

fn line(metric: &Metric, rounds: &[Round]) -> Option<Line> {
    let of = |figures: &Figures| figures.iter().find(|(name, _)| name == metric.name).map(|(_, value)| *value);
    let ours = Spread::of(rounds.iter().filter_map(|round| of(&round.ours)))?;
    let peers = |round: &Round| round.theirs.as_ref().and_then(of);
    let theirs = Spread::of(rounds.iter().filter_map(peers));
    let ratio = Spread::of(rounds.iter().filter_map(|round| Some(of(&round.ours)? / peers(round)?)));
    let met = match metric.aim {
        Aim::Times(times) => ratio.map(|ratio| ratio.median >= times),
        Aim::Lower => ratio.map(|ratio| ratio.median < 1.0),
        Aim::AtMost(most) => Some(ours.median <= most),
        Aim::None => None,
    };
    let aim = match metric.aim {
        Aim::Times(times) => format!("≥ {times}×"),
        Aim::Lower => "lower".to_owned(),
        Aim::AtMost(most) => format!("≤ {most}"),
        Aim::None => String::new(),
    };
    Some(Line { metric: metric.name, unit: metric.unit, ours, theirs, ratio, aim, met })
}

/// The median, and in brackets the least and the most.
fn spread(of: &Spread) -> String {
    format!("{} ({}–{})", short(of.median), short(of.least), short(of.most))
}

/// One side of one round, as progress.
pub(crate) fn told(figures: &Figures) -> String {
    let figures: Vec<String> =
        figures.iter().take(8).map(|(name, value)| format!("{name} {}", short(*value))).collect();
    figures.join(", ")
}

/// Everything as JSON.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn save(file: &Path, reports: &[Report]) -> Result<()> {
    #[derive(Serialize)]
    struct Whole<'a> {
        unix_time: u64,
        cores: usize,
        reports: &'a [Report],
    }
    let unix_time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let cores = std::thread::available_parallelism()?.get();
    let whole = serde_json::to_vec_pretty(&Whole { unix_time, cores, reports })?;
    std::fs::write(file, whole).with_context(|| file.display().to_string())
}
