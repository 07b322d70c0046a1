//! One scenario from its start to its counts.

use std::{
    io::{IsTerminal, Write},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::Result;
use tokio::time::Instant;

use crate::{
    cast::Cast,
    check::{self, Counts, Healed},
    client::Client,
    database::{number, rows},
    ground::Ground,
    load::{self, Plan},
    scenario::{Scenario, Scene},
    stage::{Setup, Stage},
    wait::{until, until_ok},
};

/// How a run differs from the scenario's own plan.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    pub seed: u64,
    pub seconds: Option<f64>,
    /// The protection that is taken away.
    pub mutant: Option<String>,
}

/// What came of one scenario.
pub struct Report {
    pub row: &'static str,
    pub name: String,
    pub fault: String,
    pub seed: u64,
    pub counts: Counts,
    pub notes: Vec<String>,
}

/// Plays a scenario and counts.
///
/// # Errors
/// The platform does not come up before any fault, or cannot be looked at afterwards.
pub async fn run(ground: &Ground, scenario: &Scenario, wishes: &Wishes) -> Result<Report> {
    let progress = Progress::new(scenario, wishes);
    let mut setup = scenario.setup.clone();
    if let Some(mutant) = &wishes.mutant {
        setup = Setup { faults: true, ..setup }.with("MUTANT", mutant);
    }
    // Left by the same row under another seed: nobody would come by its point again.
    setup.forget_crash();
    progress.phase("starting");
    let stage = Stage::open(ground, &database_name(scenario), setup).await?;
    let played = play(&stage, scenario, wishes, &progress).await;
    let holds = played.as_ref().is_ok_and(|report| report.counts.holds());
    let name = stage.name.clone();
    stage.setup().forget_crash();
    if !holds {
        keep_changes(&stage).await?;
    }
    stage.close().await;
    if !holds {
        keep(ground, &name)?;
    }
    played
}

/// Where the ledger and the logs of a scenario that failed outlive the run.
fn kept(ground: &Ground, name: &str) -> Result<std::path::PathBuf> {
    let target = ground.programs.plain.parent().unwrap_or(&ground.programs.plain);
    let kept = target.join("faults/failed").join(name);
    std::fs::create_dir_all(&kept)?;
    Ok(kept)
}

/// What became of every job, step by step.
async fn keep_changes(stage: &Stage<'_>) -> Result<()> {
    let changes: Vec<serde_json::Value> = rows(&stage.db, "select * from checker.attempt order by seq").await?;
    let lines: String = changes.iter().map(|change| format!("{change}\n")).collect();
    Ok(std::fs::write(kept(stage.ground, &stage.name)?.join("changes.jsonl"), lines)?)
}

/// Puts the ledger and the logs of a scenario that failed aside.
fn keep(ground: &Ground, name: &str) -> Result<()> {
    let kept = kept(ground, name)?;
    std::fs::copy(ground.data_dir.path(format!("{name}.jsonl")), kept.join("clients.jsonl"))?;
    for log in std::fs::read_dir(ground.data_dir.path("log"))?.flatten() {
        let file = log.file_name().to_string_lossy().into_owned();
        if file.starts_with(name) || !file.contains('-') {
            std::fs::copy(log.path(), kept.join(file))?;
        }
    }
    eprintln!("the clients' ledger and the logs are kept in {}", kept.display());
    Ok(())
}

fn database_name(scenario: &Scenario) -> String {
    static RUNS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    let name = scenario.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("{name}_{}", RUNS.fetch_add(1, Ordering::Relaxed))
}

async fn play(stage: &Stage<'_>, scenario: &Scenario, wishes: &Wishes, progress: &Progress) -> Result<Report> {
    let cast = Arc::new(Cast::gather(&stage.client, scenario.crowd).await?);
    let seconds = wishes.seconds.unwrap_or(scenario.seconds);
    let scene = Scene::new(stage, cast.clone(), wishes.seed, Duration::from_secs_f64(seconds * 0.55));
    progress.follow(&stage.client);

    let faults = async {
        tokio::time::sleep(Duration::from_secs_f64(seconds * 0.15)).await;
        progress.phase("fault");
        (scenario.inject)(&scene).await?;
        stage.links.all().into_iter().for_each(crate::proxy::Proxy::clear);
        progress.phase("healed");
        healed(stage).await
    };
    let plan = Plan { per_second: scenario.per_second, seconds, patience: 30.0 };
    let load = async {
        if plan.per_second > 0.0 {
            load::play(&stage.client, &cast, plan, wishes.seed, &stage.ground.photos).await?;
        }
        anyhow::Ok(())
    };
    let (healed, load) = tokio::join!(faults, load);
    let healed = healed?;
    load?;

    progress.phase("probing");
    let alive = load::probe(&stage.client, &cast, &stage.ground.photos[3], wishes.seed).await?;
    progress.phase("settling");
    let stuck = settle(stage, scenario.patience).await?;
    progress.phase("counting");
    let mut counts = check::count(stage, healed, &alive, scene.meant()).await?;
    counts.stuck = stuck;
    counts.besides.extend(scene.complaints());
    // What a commit takes on this machine at the moment, a few times.
    let slack = 4.0 * stage.client.ledger.slowest();
    for (what, limit, took) in [
        ("a dead worker's job ran again after", scenario.reruns_within, counts.rerun),
        ("a job was dispatched after", scenario.dispatch_within, counts.dispatch),
    ] {
        if let (Some(limit), Some(took)) = (limit, took)
            && took > limit + slack
        {
            counts.besides.push(format!("{what} {took:.1} s, {limit} s are promised, {slack:.1} s excused"));
        }
    }
    progress.end();
    let (row, name, fault) = (scenario.row, scenario.name.clone(), scenario.fault.clone());
    Ok(Report { row, name, fault, seed: wishes.seed, counts, notes: scene.notes() })
}

async fn healed(stage: &Stage<'_>) -> Result<Healed> {
    #[derive(serde::Deserialize)]
    struct Clock {
        epoch: f64,
    }
    let at = stage.client.ledger.now();
    let sql = "select extract(epoch from clock_timestamp())::float8 as epoch";
    // Our own connections may be among those that the fault ended.
    let clock = until_ok(Duration::from_secs(10), async || rows::<Clock>(&stage.db, sql).await).await?;
    Ok(Healed { at, epoch: clock.first().map_or(0.0, |clock| clock.epoch) })
}

/// Waits until nothing is left that is due, running or to be tried again, and tells what is left after all patience. What
/// becomes due later is not stuck: reports and reminders are put off for minutes.
async fn settle(stage: &Stage<'_>, patience: Duration) -> Result<usize> {
    let sql = "select count(*) from job where state = 'running'
                or (state = 'ready' and (run_at <= clock_timestamp() or attempt > 0))";
    // More than one look: between two jobs, the second may not be there yet.
    let (mut quiet, mut left) = (0, 0);
    until(patience, async || {
        left = number(&stage.db, sql).await?;
        quiet = if left == 0 { quiet + 1 } else { 0 };
        Ok((quiet > 5).then_some(()))
    })
    .await?;
    Ok(usize::try_from(left)?)
}

/// The line that tells what goes on.
struct Progress {
    words: String,
    began: Instant,
    phase: tokio::sync::watch::Sender<String>,
    shown: std::sync::Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Progress {
    fn new(scenario: &Scenario, wishes: &Wishes) -> Self {
        let mutant = wishes.mutant.as_ref().map(|mutant| format!(" without {mutant}")).unwrap_or_default();
        let words = format!("{:>3} {}{mutant}", scenario.row, scenario.name);
        let phase = tokio::sync::watch::Sender::new(String::new());
        Self { words, began: Instant::now(), phase, shown: std::sync::Mutex::default() }
    }

    fn phase(&self, phase: &str) {
        self.phase.send_replace(phase.to_owned());
        if !std::io::stderr().is_terminal() {
            eprintln!("{}: {phase} at {:.1} s", self.words, self.began.elapsed().as_secs_f64());
        }
    }

    /// Redraws the line four times a second, on a terminal.
    fn follow(&self, client: &Client) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let (client, words, began, phase) = (client.clone(), self.words.clone(), self.began, self.phase.subscribe());
        let show = async move {
            let mut redraw = tokio::time::interval(Duration::from_millis(250));
            loop {
                redraw.tick().await;
                let tally = &client.ledger.tally;
                let [ok, no, unknown] =
                    [&tally.ok, &tally.no, &tally.unknown].map(|count| count.load(Ordering::Relaxed));
                let (seconds, phase) = (began.elapsed().as_secs(), phase.borrow().clone());
                eprint!("\r\x1b[K{words}: {phase}, {seconds} s, {ok} ok, {no} no, {unknown} unknown");
                let _ = std::io::stderr().flush();
            }
        };
        *self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(tokio::spawn(show));
    }

    fn end(&self) {
        if let Some(shown) = self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            shown.abort();
            eprint!("\r\x1b[K");
        }
    }
}
