//! The sweep over the places between two effects: one process aborts at each of them.

use std::{path::Path, time::Duration};

use anyhow::Result;
use dev::Signal;
use futures::{FutureExt, future::LocalBoxFuture};

use super::{Scenario, Scene};
use crate::{cast::Crowd, database::number, stage::Setup, wait::until};

/// The calls `crash_point("…")` in the product's sources. Read there, so that no point is forgotten.
fn points() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for name in ["jobs", "workers", "api", "platform"] {
        collect(&root.join(name).join("src"), &mut found);
    }
    found.sort();
    found.dedup();
    found
}

fn collect(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap_or_default();
        let calls = source.split("crash_point(\"").skip(1);
        found.extend(calls.filter_map(|call| Some(call.split_once('"')?.0.to_owned())));
    }
}

/// Passed by the clock, and by returns: a run has few of them.
const RARE: [&str; 3] = ["after_clock_before_push", "after_original_before_record", "after_upload_before_accept"];

pub(super) fn rows() -> Vec<Scenario> {
    let hit = |n: usize, point: &str| if RARE.contains(&point) { 1 } else { 1 + n % 3 };
    let swept = points().into_iter().enumerate().map(|(n, point)| row(&point, hit(n, &point)));
    swept.chain([after_effect(), zombie()]).collect()
}

/// A file that is there as soon as a process has come by its point.
fn marker(name: &str) -> String {
    std::env::temp_dir().join(format!("forecourt-crash-{}-{name}", std::process::id())).display().to_string()
}

fn row(point: &str, hit: usize) -> Scenario {
    let fault = format!("abort at {point}, hit {hit}");
    // Two who give a car back: one sends the photos with the return, the other to the bucket.
    let (seconds, rentals) = if RARE.contains(&point) { (25.0, 2) } else { (8.0, 1) };
    let scenario = Scenario::new("3", &format!("crash.{point}"), &fault, wait).seconds(seconds).rate(20.0);
    let scenario = Scenario { crowd: Crowd { rentals, ..Crowd::default() }, ..scenario }.faults().reruns();
    scenario.set(|setup| setup.with("CRASH_POINT", format!("{point}:{hit}")).with("CRASH_ONCE", marker(point)))
}

/// The only worker that tells people crashes at its first end: that is one who writes a notification.
fn after_effect() -> Scenario {
    let fault = "abort with the effect written and not yet committed";
    let scenario = Scenario::new("2", "crash_at_effect", fault, wait).seconds(8.0).rate(10.0).faults().reruns();
    scenario.set(|setup| {
        let setup = Setup { workers: 1, ..setup }.only_for("notify.1", "CRASH_POINT", "before_commit:1");
        setup.only_for("notify.1", "CRASH_ONCE", marker("effect"))
    })
}

/// Those that freeze as soon as they have claimed something.
const FROZEN: [&str; 2] = ["booking", "notify"];

/// Frozen between claim and work, thawed when somebody else did the work: what they do then must not stand.
fn zombie() -> Scenario {
    let fault = "a worker frozen between claim and work, beyond its lease";
    let scenario = Scenario::new("4", "zombie_at_claim", fault, thaw).seconds(36.0).rate(10.0).faults();
    FROZEN.into_iter().fold(scenario, |scenario, pool| {
        scenario.set(|setup| {
            let one = format!("{pool}.1");
            let setup = setup.only_for(&one, "CRASH_POINT", "after_claim:2").only_for(&one, "CRASH_ACTION", "stop");
            setup.only_for(&one, "CRASH_ONCE", marker(pool))
        })
    })
}

fn thaw<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        for pool in FROZEN {
            let once = marker(pool);
            let frozen = until(scene.lasts / 2, async || Ok(Path::new(&once).exists().then_some(()))).await?;
            scene.expect(frozen.is_some(), format!("{pool} was not frozen: nothing was shown"));
        }
        let taken = "select count(distinct queue) from checker.attempt where change = 'crashed'";
        let taken = async || Ok((number(&scene.stage.db, taken).await? == 2).then_some(()));
        scene.expect(until(Duration::from_secs(25), taken).await?.is_some(), "their jobs were not taken back");
        // Whoever has them now is to be done with them first.
        let open = "select count(*) from job where state in ('ready', 'running')
                    and id in (select job from checker.attempt where change = 'crashed')";
        let done = async || Ok((number(&scene.stage.db, open).await? == 0).then_some(()));
        scene.expect(until(Duration::from_secs(25), done).await?.is_some(), "nobody else did their jobs");
        for pool in FROZEN {
            if let Some(worker) = scene.stage.pool(pool).next() {
                worker.signal(Signal::SIGCONT)?;
            }
        }
        Ok(())
    }
    .boxed_local()
}

fn wait<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let setup = scene.stage.setup();
        let once = setup.crash_marks().next().unwrap_or_default();
        // A return takes a while to come by.
        let reached = until(Duration::from_secs(40), async || Ok(Path::new(once).exists().then_some(()))).await?;
        scene.expect(reached.is_some(), "the point was not reached: nothing was shown");
        Ok(())
    }
    .boxed_local()
}
