//! The sweep over the places between two effects: one process aborts at each of them.

use std::path::Path;

use anyhow::Result;
use futures::{FutureExt, future::LocalBoxFuture};

use super::{Scenario, Scene};

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

pub(super) fn rows() -> Vec<Scenario> {
    points().into_iter().enumerate().map(|(n, point)| row(&point, 1 + n % 3)).collect()
}

fn row(point: &str, hit: usize) -> Scenario {
    let once = std::env::temp_dir().join(format!("forecourt-crash-{}-{point}", std::process::id()));
    let fault = format!("abort at {point}, hit {hit}");
    let scenario =
        Scenario::new("3", &format!("crash.{point}"), &fault, wait).seconds(8.0).rate(20.0).faults().reruns();
    scenario.set(|setup| {
        let setup = setup.with("CRASH_POINT", format!("{point}:{hit}"));
        setup.with("CRASH_ONCE", once.display().to_string())
    })
}

fn wait<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        tokio::time::sleep(scene.lasts).await;
        let marker = |pair: &&(String, String)| pair.0 == "CRASH_ONCE";
        let once = scene.stage.setup().env.iter().find(marker).map(|pair| pair.1.clone()).unwrap_or_default();
        // Some places are only reached later, by the probe; a place never reached is said in the table.
        let reached = Path::new(&once).exists();
        let _ = std::fs::remove_file(&once);
        if !reached {
            scene.note("the point was not reached");
        }
        Ok(())
    }
    .boxed_local()
}
