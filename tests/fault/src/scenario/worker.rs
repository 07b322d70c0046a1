//! A: workers that die, freeze, or are asked to go.

use std::{path::PathBuf, sync::LazyLock, time::Duration};

use anyhow::{Result, ensure};
use dev::Signal;
use futures::{FutureExt, future::LocalBoxFuture};

use super::{Scenario, Scene};
use crate::{cast::Crowd, database::number, proxy::Weather, wait::until};

/// The library that shifts a process's clock, where Debian keeps it. Looked for once: a row must not be played with another
/// answer than it was made with.
static FAKETIME: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    let mut libraries = folders.flatten().map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    libraries.find(|library| library.exists())
});

pub(super) fn rows() -> Vec<Scenario> {
    let mut rows = vec![
        Scenario::new("1", "kill_worker", "kill -9 of workers by chance", kill).reruns(),
        Scenario::new("2", "kill_mid_work", "kill -9 of workers that are in the middle of something", kill_mid_work)
            .reruns(),
        Scenario::new("4", "zombie", "a worker of each pool frozen beyond its lease, then thawed", zombie)
            .seconds(30.0)
            .rate(30.0),
        Scenario::new("5", "frozen_pool", "all booking and notify workers frozen beyond their lease", frozen_pool)
            .seconds(32.0)
            .rate(12.0),
        Scenario {
            crowd: Crowd { cars: 1, rentals: 0, ..Crowd::default() },
            ..Scenario::new(
                "5",
                "frozen_in_transaction",
                "a worker frozen while it holds the lock of the car that all want",
                frozen_holder,
            )
            .seconds(45.0)
            .rate(12.0)
            .set(|setup| setup.only_for("booking.1", "PGAPPNAME", HOLDER))
        },
        Scenario::new("6", "terminate", "SIGTERM to every worker in turn", terminate),
        // One of them dies for a while: what is the other's must stay the other's.
        Scenario::new("16", "one_name", "all workers of a pool have one name, and some die", kill)
            .faults()
            .reruns()
            .set(|setup| setup.with("WORKER_NAME", "twin")),
        Scenario::new("7", "terminate_kill", "SIGTERM, and SIGKILL before the grace is over", terminate_kill).reruns(),
    ];
    // Where it is missing the row says so when it is played.
    let library = FAKETIME.clone().unwrap_or_default().display().to_string();
    for (name, by) in [("clock_ahead", "+10m"), ("clock_behind", "-10m")] {
        let fault = format!("the clock of one worker of each pool is {by} off");
        let row = Scenario::new("13", name, &fault, wrong_clock).seconds(20.0).rate(15.0);
        rows.push(["booking.1", "notify.1", "waitlist.1", "thumbnail.1"].into_iter().fold(row, |row, worker| {
            row.set(|setup| {
                let setup = setup.only_for(worker, "LD_PRELOAD", &library).only_for(worker, "FAKETIME", by);
                setup.only_for(worker, "FAKETIME_DONT_FAKE_MONOTONIC", "1")
            })
        }));
    }
    rows
}

fn kill<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let mut dice = scene.dice("kill");
        scene
            .times(12, async || {
                // One that is just being started cannot be killed.
                let _ = scene.any_worker(&mut dice).signal(Signal::SIGKILL);
                Ok(())
            })
            .await
    }
    .boxed_local()
}

/// Every statement takes long, so that a kill falls between two of them. Mostly those that tell people:
/// a booking that is made again finds itself made already, a notification does not.
fn kill_mid_work<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        scene.stage.links.worker_db.weather(Weather::Slow(Duration::from_millis(120)));
        let mut dice = scene.dice("kill mid work");
        scene
            .times(8, async || {
                let pool = if dice.percent(75) { "notify" } else { "booking" };
                let worker = scene.stage.pool(pool).nth(dice.below(2));
                // One that is just being started cannot be killed.
                let _ = worker.map(|worker| worker.signal(Signal::SIGKILL));
                Ok(())
            })
            .await
    }
    .boxed_local()
}

/// Longer than any short lease and the sweep that follows.
const BEYOND: Duration = Duration::from_millis(17_500);

fn zombie<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        // Slow enough that a frozen worker is in the middle of something.
        scene.stage.links.worker_db.weather(Weather::Slow(Duration::from_millis(150)));
        tokio::time::sleep(Duration::from_secs(3)).await;
        let frozen = ["booking", "notify", "waitlist"].map(|pool| scene.stage.pool(pool).next());
        for worker in frozen.into_iter().flatten() {
            worker.signal(Signal::SIGSTOP)?;
        }
        scene.stage.links.worker_db.weather(Weather::Clear);
        tokio::time::sleep(BEYOND).await;
        for worker in frozen.into_iter().flatten() {
            worker.signal(Signal::SIGCONT)?;
        }
        let taken = number(&scene.stage.db, "select count(*) from checker.attempt where change = 'crashed'").await?;
        scene.expect(taken > 0, "no job was taken from a frozen worker: nothing was shown");
        let stage = scene.stage;
        let turned_away = until(Duration::from_secs(10), async || {
            let lost = stage.metric("jobs_lease_lost_total").await + stage.metric("jobs_fence_rejected_total").await;
            Ok((lost > 0.0).then_some(()))
        });
        scene.expect(turned_away.await?.is_some(), "no zombie was turned away");
        Ok(())
    }
    .boxed_local()
}

fn frozen_pool<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let frozen = || ["booking", "notify"].into_iter().flat_map(|pool| scene.stage.pool(pool));
        for worker in frozen() {
            worker.signal(Signal::SIGSTOP)?;
        }
        tokio::time::sleep(BEYOND).await;
        for worker in frozen() {
            worker.signal(Signal::SIGCONT)?;
        }
        Ok(())
    }
    .boxed_local()
}

/// For how long a session of a frozen process may keep a lock, in seconds, and what a busy machine adds.
const LOCK_HELD: f64 = 10.0 + 5.0;

/// What the sessions of the worker that is to be frozen are called.
const HOLDER: &str = "holder";

/// Sessions of the frozen worker stand in line for the car too: they must not keep it one after the other.
fn frozen_holder<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let db = &scene.stage.db;
        let holds = format!(
            "select count(*) from pg_stat_activity waiting join pg_stat_activity holding
                 on holding.pid = any (pg_blocking_pids(waiting.pid))
             where holding.datname = current_database() and holding.application_name = '{HOLDER}'
               and holding.state = 'idle in transaction'"
        );
        let held = format!("{holds} and holding.state_change < clock_timestamp() - interval '1 second'");
        scene.stage.links.worker_db.weather(Weather::Slow(Duration::from_millis(60)));
        let Some(worker) = scene.stage.pool("booking").next() else { return Ok(()) };
        let mut caught = None;
        for _ in 0..20 {
            // At a moment when others wait for it; it may have let go by the time it freezes.
            until(Duration::from_secs(2), async || Ok((number(db, &holds).await? > 0).then_some(()))).await?;
            worker.signal(Signal::SIGSTOP)?;
            let frozen = tokio::time::Instant::now();
            let seen =
                until(Duration::from_millis(1_500), async || Ok((number(db, &held).await? > 0).then_some(()))).await?;
            if seen.is_some() {
                caught = Some(frozen);
                break;
            }
            worker.signal(Signal::SIGCONT)?;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        scene.stage.links.worker_db.weather(Weather::Clear);
        let Some(frozen) = caught else {
            scene.expect(false, "the worker was never caught with the lock: nothing was shown");
            return Ok(());
        };
        let before = number(db, DECIDED).await?;
        let moved = async || Ok((number(db, DECIDED).await? > before).then(|| frozen.elapsed().as_secs_f64()));
        let moved = until(Duration::from_secs(40), moved).await?;
        worker.signal(Signal::SIGCONT)?;
        let seconds = moved.unwrap_or(f64::INFINITY);
        scene.note(format!("the car was locked for {seconds:.1} s"));
        scene.expect(seconds < LOCK_HELD, format!("a frozen worker kept a car locked for more than {LOCK_HELD} s"));
        Ok(())
    }
    .boxed_local()
}

const DECIDED: &str = "select count(*) from checker.attempt where change = 'done' and kind = 'request_booking'";

fn terminate<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let workers = &scene.stage.workers;
        let mut turn = workers.iter();
        let count = u32::try_from(workers.len())?;
        scene
            .times(count, async || {
                if let Some(worker) = turn.next() {
                    worker.signal(Signal::SIGTERM)?;
                }
                Ok(())
            })
            .await?;
        let charged = number(&scene.stage.db, "select count(*) from job where attempt > 1 or crashes > 0").await?;
        scene.expect(charged == 0, format!("{charged} jobs were charged for a drain"));
        Ok(())
    }
    .boxed_local()
}

fn terminate_kill<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        scene.stage.links.worker_db.weather(Weather::Slow(Duration::from_millis(40)));
        let mut dice = scene.dice("terminate");
        scene
            .times(6, async || {
                let worker = scene.any_worker(&mut dice);
                if worker.signal(Signal::SIGTERM).is_ok() {
                    tokio::time::sleep(Duration::from_millis(80)).await;
                    let _ = worker.signal(Signal::SIGKILL);
                }
                Ok(())
            })
            .await
    }
    .boxed_local()
}

fn wrong_clock<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        ensure!(FAKETIME.is_some(), "libfaketime is not installed; bin/faults installs it on Debian");
        tokio::time::sleep(scene.lasts).await;
        let stolen = number(&scene.stage.db, "select count(*) from checker.attempt where change = 'crashed'").await?;
        scene.expect(stolen == 0, format!("{stolen} leases of living workers were taken for dead"));
        Ok(())
    }
    .boxed_local()
}
