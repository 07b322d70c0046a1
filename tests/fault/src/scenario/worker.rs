//! A: workers that die, freeze, or are asked to go.

use std::time::Duration;

use anyhow::Result;
use dev::Signal;
use futures::{FutureExt, future::LocalBoxFuture};

use super::{Scenario, Scene};
use crate::{
    cast::Crowd,
    database::{number, run},
    proxy::Weather,
};

/// Where Debian keeps the library that shifts a process's clock.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

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
            .seconds(75.0)
            .rate(12.0)
        },
        Scenario::new("6", "terminate", "SIGTERM to every worker in turn", terminate),
        Scenario::new("7", "terminate_kill", "SIGTERM, and SIGKILL before the grace is over", terminate_kill).reruns(),
        Scenario::new("9", "poison_abort", "two jobs that kill whoever touches them", poison_abort)
            .seconds(75.0)
            .rate(15.0)
            .patient(90)
            .faults(),
        Scenario::new("10", "poison_panic", "jobs that panic", poison_panic).faults(),
        Scenario::new("12", "unreadable", "jobs of an unknown kind, and payloads that cannot be read", unreadable),
    ];
    if std::path::Path::new(FAKETIME).exists() {
        for (name, by) in [("clock_ahead", "+10m"), ("clock_behind", "-10m")] {
            let fault = format!("the clock of one worker of each pool is {by} off");
            let row = Scenario::new("13", name, &fault, wrong_clock).seconds(20.0).rate(15.0);
            rows.push(["booking.1", "notify.1", "waitlist.1", "thumbnail.1"].into_iter().fold(row, |row, worker| {
                row.set(|setup| {
                    let setup = setup.only_for(worker, "LD_PRELOAD", FAKETIME).only_for(worker, "FAKETIME", by);
                    setup.only_for(worker, "FAKETIME_DONT_FAKE_MONOTONIC", "1")
                })
            }));
        }
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
        for _ in 0..50 {
            if scene.stage.metric("jobs_lease_lost_total").await + scene.stage.metric("jobs_fence_rejected_total").await
                > 0.0
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        scene.expect(false, "no zombie was turned away");
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

/// The lock of a frozen worker must not outlive its lease by much: whoever waits for the car goes on.
fn frozen_holder<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let db = &scene.stage.db;
        let held = "select count(*) from pg_stat_activity waiting join pg_stat_activity holding
                        on holding.pid = any (pg_blocking_pids(waiting.pid))
                    where holding.datname = current_database() and holding.state = 'idle in transaction'
                      and holding.state_change < clock_timestamp() - interval '1 second'";
        scene.stage.links.worker_db.weather(Weather::Slow(Duration::from_millis(60)));
        let Some(worker) = scene.stage.pool("booking").next() else { return Ok(()) };
        for _ in 0..20 {
            worker.signal(Signal::SIGSTOP)?;
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            if number(db, held).await? > 0 {
                break;
            }
            worker.signal(Signal::SIGCONT)?;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        scene.expect(number(db, held).await? > 0, "the worker was never caught with the lock: nothing was shown");
        scene.stage.links.worker_db.weather(Weather::Clear);
        tokio::time::sleep(Duration::from_secs(24)).await;
        let decided = "select count(*) from checker.attempt where change = 'done' and kind = 'request_booking'
                       and at > clock_timestamp() - interval '3 seconds'";
        let decided = number(db, decided).await?;
        worker.signal(Signal::SIGCONT)?;
        scene.expect(decided > 0, "the car stayed locked by a worker that had lost its lease");
        Ok(())
    }
    .boxed_local()
}

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

/// A job that does what its payload says as soon as somebody begins with it.
fn poisoned(queue: &str, kind: &str, poison: &str, attempts: u32) -> String {
    format!(
        "insert into job (id, queue, kind, payload, max_attempts)
         values (gen_random_uuid(), '{queue}', '{kind}', '{{\"poison\": \"{poison}\"}}', {attempts})"
    )
}

const DONE: &str = "select count(*) from checker.attempt where change = 'done'";

fn poison_abort<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let db = &scene.stage.db;
        let quiet = Duration::from_secs(8);
        let before = number(db, DONE).await?;
        tokio::time::sleep(quiet).await;
        let healthy = number(db, DONE).await? - before;

        let began = tokio::time::Instant::now();
        run(db, &poisoned("booking", "release_no_show", "abort", 8)).await?;
        run(db, &poisoned("notify", "announce", "abort", 8)).await?;
        let start = number(db, DONE).await?;
        let quarantined = "select count(*) from job where payload ? 'poison' and state = 'dead' and crashes = 3";
        while number(db, quarantined).await? < 2 && began.elapsed() < Duration::from_secs(60) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let took = began.elapsed();
        scene.gives_up(2);
        scene.expect(number(db, quarantined).await? == 2, "the poison was not quarantined after three crashes");
        let poisoned = number(db, DONE).await? - start;
        let (usual, then) = (healthy as f64 / quiet.as_secs_f64(), poisoned as f64 / took.as_secs_f64());
        scene.expect(then >= 0.8 * usual, format!("others ran at {then:.1} jobs/s instead of {usual:.1}"));
        Ok(())
    }
    .boxed_local()
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
            "select count(*) from job where payload ? 'poison' and state = 'dead' and attempt = 3 and crashes = 0";
        let began = tokio::time::Instant::now();
        while number(db, dead).await? < 3 && began.elapsed() < Duration::from_secs(45) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        scene.expect(number(db, dead).await? == 3, "the jobs that panic are not dead after their three attempts");
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
            "select count(*) from job where payload = '[1]' and state = 'dead' and attempt = 1 and error is not null";
        scene.expect(number(db, dead).await? == 20, "what cannot be read is not dead at once with a reason");
        Ok(())
    }
    .boxed_local()
}

fn wrong_clock<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        tokio::time::sleep(scene.lasts).await;
        let stolen = number(&scene.stage.db, "select count(*) from checker.attempt where change = 'crashed'").await?;
        scene.expect(stolen == 0, format!("{stolen} leases of living workers were taken for dead"));
        Ok(())
    }
    .boxed_local()
}
