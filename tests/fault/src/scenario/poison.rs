//! A: jobs that kill, stop or confuse whoever touches them.

use std::time::Duration;

use anyhow::Result;
use dev::{Process, Signal};
use futures::{FutureExt, future::LocalBoxFuture};

use super::{Scenario, Scene};
use crate::{
    database::{number, run},
    wait::until,
};

pub(super) fn rows() -> Vec<Scenario> {
    vec![
        Scenario::new("9", "poison_abort", "two jobs that kill whoever touches them", poison_abort)
            .seconds(75.0)
            .rate(15.0)
            .patient(90)
            .faults(),
        Scenario::new("8", "poison_memory", "two jobs that take memory until their process is killed", poison_memory)
            .seconds(75.0)
            .rate(15.0)
            .patient(90)
            .faults(),
        Scenario::new("11", "poison_loop", "two jobs that never yield", poison_loop)
            .seconds(75.0)
            .patient(120)
            .faults(),
        Scenario::new("10", "poison_panic", "jobs that panic", poison_panic).faults(),
        Scenario::new("12", "unreadable", "jobs of an unknown kind, and payloads that cannot be read", unreadable),
    ]
}

/// A job that does what its payload says as soon as somebody begins with it.
fn poisoned(queue: &str, kind: &str, poison: &str, attempts: u32) -> String {
    format!(
        "insert into job (id, queue, kind, payload, max_attempts)
         values (gen_random_uuid(), '{queue}', '{kind}', '{{\"poison\": \"{poison}\"}}', {attempts})"
    )
}

/// Jobs that clients asked for: how many were accepted, and how many were done.
async fn asked(scene: &Scene<'_>) -> Result<(i64, i64)> {
    let count = |change| {
        format!(
            "select count(*) from checker.attempt a join job j on j.id = a.job
             where change = '{change}' and idempotency_key is not null"
        )
    };
    let db = &scene.stage.db;
    Ok((number(db, &count("accepted")).await?, number(db, &count("done")).await?))
}

/// Poison in the queues of those that tell people and of those that book: it is put aside after three crashes,
/// and meanwhile others are done at 80 % of the pace that they were done at before.
async fn quarantine(scene: &Scene<'_>, poison: &str) -> Result<()> {
    let db = &scene.stage.db;
    let quiet = async || {
        tokio::time::sleep(Duration::from_secs(10)).await;
        Ok(())
    };
    let usual = pace(scene, quiet).await?;
    run(db, &poisoned("booking", "release_no_show", poison, 8)).await?;
    run(db, &poisoned("notify", "announce", poison, 8)).await?;
    let quarantined = "select count(*) from job where payload->'poison' is not null and state = 'dead' and crashes = 3";
    let mut both = None;
    let began = tokio::time::Instant::now();
    let then = pace(scene, async || {
        both = until(Duration::from_secs(90), async || Ok((number(db, quarantined).await? == 2).then_some(()))).await?;
        Ok(())
    });
    let then = then.await?;
    scene.gives_up(2);
    scene.expect(both.is_some(), "the poison was not quarantined after three crashes");
    let words = format!("others were done at {:.0} % of what was asked, {:.0} % before", then * 100.0, usual * 100.0);
    scene.note(format!("quarantined after {:.0} s, {words}", began.elapsed().as_secs_f64()));
    scene.expect(then >= 0.8 * usual, words);
    Ok(())
}

/// How much of what was asked for during some time was also done during it.
async fn pace(scene: &Scene<'_>, mut during: impl AsyncFnMut() -> Result<()>) -> Result<f64> {
    let (asked, done) = self::asked(scene).await?;
    during().await?;
    let (asked_then, done_then) = self::asked(scene).await?;
    Ok((done_then - done) as f64 / (asked_then - asked).max(1) as f64)
}

fn poison_abort<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    quarantine(scene, "abort").boxed_local()
}

/// More memory than a worker of these pools has any use for.
const TOO_MUCH: u64 = 400 << 20;

/// As the kernel does where memory is limited: whoever has too much is killed.
async fn kill_the_greedy(scene: &Scene<'_>) {
    loop {
        for worker in &scene.stage.workers {
            if worker.pid().and_then(resident).is_some_and(|bytes| bytes > TOO_MUCH) {
                let _ = worker.signal(Signal::SIGKILL);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The memory of a process, in bytes.
fn resident(pid: u32) -> Option<u64> {
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    Some(pages.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

fn poison_memory<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        tokio::select! {
            quarantined = quarantine(scene, "hoard") => quarantined,
            () = kill_the_greedy(scene) => Ok(()),
        }
    }
    .boxed_local()
}

/// A handler that never yields takes its thread along: its process must end before all of them are gone.
fn poison_loop<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let db = &scene.stage.db;
        for _ in 0..2 {
            run(db, &poisoned("booking", "release_no_show", "loop", 1)).await?;
        }
        let dead = "select count(*) from job where payload->'poison' is not null and state = 'dead'";
        let mut both = None;
        let began = tokio::time::Instant::now();
        let pace = pace(scene, async || {
            both = until(Duration::from_secs(150), async || Ok((number(db, dead).await? == 2).then_some(()))).await?;
            Ok(())
        });
        let pace = pace.await?;
        scene.gives_up(2);
        scene.expect(both.is_some(), "the jobs that never yield are not dead");
        let took = began.elapsed().as_secs_f64();
        scene.note(format!("dead after {took:.0} s, others were done at {:.0} % of what was asked", pace * 100.0));
        let joined = number(
            db,
            "select count(*) from checker.attempt over join job on job.id = over.job and job.payload->'poison' is not null
             join checker.attempt later on later.worker = over.worker and later.change = 'claimed' and later.at > over.at
             where over.change = 'failed'
             and (select count(*) from checker.attempt crash where crash.job = later.job and crash.change = 'crashed'
                  and crash.seq < later.seq) >= 2",
        )
        .await?;
        scene.expect(joined == 0, format!("{joined} suspects were begun by a process that was about to end itself"));
        let spinning = async || Ok((!scene.stage.pool("booking").any(spins)).then_some(()));
        scene.expect(
            until(Duration::from_secs(60), spinning).await?.is_some(),
            "a thread is lost to a job that is dead",
        );
        Ok(())
    }
    .boxed_local()
}

/// Whether a thread of this process has run for more than half of the last second.
fn spins(process: &Process) -> bool {
    let Some(pid) = process.pid() else { return false };
    let busy = || {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        threads
            .filter_map(|thread| {
                let text = std::fs::read_to_string(thread.path().join("stat")).ok()?;
                let mut fields = text.rsplit_once(')')?.1.split_whitespace();
                Some((thread.file_name(), fields.nth(11)?.parse::<u64>().ok()?))
            })
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let before = busy();
    std::thread::sleep(Duration::from_secs(1));
    // Ticks of a hundredth of a second.
    busy().into_iter().any(|(thread, ticks)| ticks.saturating_sub(*before.get(&thread).unwrap_or(&ticks)) > 25)
}

fn poison_panic<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let pids = |scene: &Scene<'_>| scene.stage.workers.iter().map(dev::Process::pid).collect::<Vec<_>>();
        let (before, db) = (pids(scene), &scene.stage.db);
        for (queue, kind) in [("booking", "release_no_show"), ("notify", "announce"), ("waitlist", "promote_waitlist")]
        {
            run(db, &poisoned(queue, kind, "panic", 3)).await?;
        }
        scene.gives_up(3);
        let dead =
            "select count(*) from job where payload->'poison' is not null and state = 'dead' and attempt = 3 and crashes = 0";
        let all = until(Duration::from_secs(45), async || Ok((number(db, dead).await? == 3).then_some(()))).await?;
        scene.expect(all.is_some(), "the jobs that panic are not dead after their three attempts");
        scene.expect(before == pids(scene), "a worker died of a panic");
        Ok(())
    }
    .boxed_local()
}

fn unreadable<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let db = &scene.stage.db;
        run(
            db,
            "insert into job (id, queue, kind, payload, max_attempts)
             select gen_random_uuid(), 'notify', 'from_tomorrow', '{\"v\": 99}', 8 from generate_series(1, 20);
             insert into job (id, queue, kind, payload, max_attempts)
             select gen_random_uuid(), 'waitlist', 'promote_waitlist', '[1]', 8 from generate_series(1, 20)",
        )
        .await?;
        tokio::time::sleep(scene.lasts).await;
        scene.gives_up(20);
        let parked = "select count(*) from job where kind = 'from_tomorrow' and state = 'ready' and attempt = 0";
        scene.expect(number(db, parked).await? == 20, "a kind from tomorrow was not parked");
        let dead =
            "select count(*) from job where payload::text = '[1]' and state = 'dead' and attempt = 1 and error is not null";
        scene.expect(number(db, dead).await? == 20, "what cannot be read is not dead at once with a reason");
        Ok(())
    }
    .boxed_local()
}
