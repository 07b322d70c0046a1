//! `bin/faults`: the fault matrix, or parts of it.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;
use fault::{
    ground::{Ground, Programs},
    run::{Report, Wishes, run},
    scenario::{self, Scenario},
    table,
};

/// Breaks Forecourt in every way that it promises to survive, and counts what was lost.
#[derive(Parser)]
struct Arguments {
    /// Rows by number or name, such as 21 or redis_flush; none means all
    scenarios: Vec<String>,

    /// Where all chance of the run comes from [default: drawn]
    #[arg(long)]
    seed: Option<u64>,

    /// Seconds of load, for every row
    #[arg(long)]
    seconds: Option<f64>,

    /// Show the rows and play none
    #[arg(long)]
    list: bool,

    /// Take one protection after the other away, and show which rows notice
    #[arg(long)]
    mutants: bool,

    /// How often each row is played, each time under the next seed
    #[arg(long, default_value_t = 1)]
    times: u64,
}

/// The protections, with the rows that must notice when one is gone.
const MUTANTS: [(&str, &[&str]); 14] = [
    ("one_transaction", &["crash_at_effect"]),
    ("fence_check", &["zombie_at_claim"]),
    ("count_at_claim", &["kill_worker"]),
    ("database_clock", &["clock_ahead", "clock_behind"]),
    ("conflict_clause", &["one_car", "conflict_storm"]),
    ("key_with_row", &["same_key"]),
    ("state_not_cursor", &["postgres_commit_order"]),
    ("effect_before_ack", &["kill_worker"]),
    ("ticket_window", &["redis_backlog"]),
    ("hold_expiry", &["hold_expiry"]),
    ("dates_checked", &["boundaries"]),
    ("missing_is_final", &["photo_vanished"]),
    ("model_only_advises", &["model_broken"]),
    ("slow_is_stopped", &["model_slow"]),
];

#[tokio::main]
async fn main() -> ExitCode {
    match start(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(arguments: Arguments) -> Result<bool> {
    let all = scenario::all();
    for wish in &arguments.scenarios {
        ensure!(all.iter().any(|scenario| scenario.is(wish)), "there is no row {wish}; --list shows them");
    }
    let wanted = |scenario: &Scenario| {
        arguments.scenarios.is_empty() || arguments.scenarios.iter().any(|wish| scenario.is(wish))
    };
    if arguments.list {
        all.iter().filter(|one| wanted(one)).for_each(|one| println!("{:>3}  {:<36} {}", one.row, one.name, one.fault));
        return Ok(true);
    }
    let programs = Programs::find()?;
    let chosen: Vec<Scenario> = all.iter().filter(|one| wanted(one)).cloned().collect();
    let seed = arguments
        .seed
        .unwrap_or_else(|| fault::dice::Dice::new(u64::from(std::process::id()), "seed").seed() % 1_000_000);
    let wishes = Wishes { seed, seconds: arguments.seconds, mutant: None };
    let ground = Ground::open(programs).await?;
    let well = match arguments.mutants {
        true => mutants(&ground, &all, &wishes, &arguments.scenarios).await?,
        false => matrix(&ground, &chosen, &wishes, arguments.times).await?,
    };
    ground.services.stop().await;
    Ok(well)
}

async fn matrix(ground: &Ground, chosen: &[Scenario], wishes: &Wishes, times: u64) -> Result<bool> {
    let (mut reports, mut unplayed) = (Vec::new(), false);
    let began = std::time::Instant::now();
    for (scenario, turn) in chosen.iter().flat_map(|scenario| (0..times).map(move |turn| (scenario, turn))) {
        let wishes = Wishes { seed: wishes.seed + turn, ..wishes.clone() };
        match run(ground, scenario, &wishes).await {
            Ok(report) => {
                tell(&report);
                reports.push(report);
            }
            // One row that could not be played says nothing about the others.
            Err(error) => {
                println!("{:>3} {:<36} was not played: {error:#}", scenario.row, scenario.name);
                unplayed = true;
            }
        }
    }
    println!("\n{}", table::scenarios(&reports));
    println!("{} rows in {:.0} minutes", reports.len(), began.elapsed().as_secs_f64() / 60.0);
    Ok(!unplayed && reports.iter().all(|report| report.counts.holds()))
}

async fn mutants(ground: &Ground, all: &[Scenario], wishes: &Wishes, chosen: &[String]) -> Result<bool> {
    let mut found: Vec<(String, Report)> = Vec::new();
    let mut unnoticed = Vec::new();
    for (mutant, names) in MUTANTS {
        let rows = all.iter().filter(|scenario| names.contains(&scenario.name.as_str()));
        let rows: Vec<_> = rows.filter(|row| chosen.is_empty() || chosen.iter().any(|wish| row.is(wish))).collect();
        let mut noticed = rows.is_empty();
        for scenario in rows {
            let wishes = Wishes { mutant: Some(mutant.to_owned()), ..wishes.clone() };
            let report = run(ground, scenario, &wishes).await?;
            noticed |= !report.counts.holds();
            tell(&report);
            found.push((mutant.to_owned(), report));
        }
        if !noticed {
            unnoticed.push(mutant);
        }
    }
    println!("\n{}", table::mutants(&found));
    Ok(unnoticed.is_empty())
}

fn tell(report: &Report) {
    let verdict = if report.counts.holds() { "holds".to_owned() } else { report.counts.complaints().join("; ") };
    let notes = report.notes.iter().map(|note| format!(" ({note})")).collect::<String>();
    println!("{:>3} {:<36} seed {}: {verdict}{notes}", report.row, report.name, report.seed);
}
