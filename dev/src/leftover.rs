//! Finds the processes that an earlier run on the same data folder left behind.
//!
//! A process id kept in a file proves nothing after a crash: the number may
//! belong to somebody else by now. So the running processes are asked what they
//! are: a PostgreSQL or Redis that works inside our folder, or a program that
//! carries our mark in its environment.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// The environment variable by which a program started here is known again. Its
/// value is the data folder.
pub(crate) const MARK: &str = "FORECOURT_DATA_DIR";

/// How long a leftover may take to end by itself before it is killed. Longer
/// than PostgreSQL's checkpoint at shutdown takes on a slow disk.
const GRACE: Duration = Duration::from_secs(20);

/// How long one may need that its watchdog has already asked. A second request
/// would make it drop its work instead of finishing it.
const UNDER_WAY: Duration = Duration::from_secs(2);

/// Ends everything that an earlier run on this data folder left running.
/// Nobody else may be using the folder: hold its lock first.
pub(crate) fn stop_all(root: &Path) {
    if are_gone(root, UNDER_WAY) {
        return;
    }
    for leftover in find(root) {
        let _ = kill(leftover.pid, leftover.polite);
    }
    if are_gone(root, GRACE) {
        return;
    }
    for leftover in find(root) {
        let _ = kill(leftover.pid, Signal::SIGKILL);
    }
    are_gone(root, GRACE);
}

fn are_gone(root: &Path, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while !find(root).is_empty() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

struct Leftover {
    pid: Pid,
    polite: Signal,
}

fn find(root: &Path) -> Vec<Leftover> {
    let cluster = crate::postgres::cluster(root);
    let redis = root.join("redis");
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != std::process::id().cast_signed())
        .filter_map(|pid| judge(Pid::from_raw(pid), root, cluster.as_deref(), &redis))
        .collect()
}

fn judge(pid: Pid, root: &Path, cluster: Option<&Path>, redis: &Path) -> Option<Leftover> {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let exe = fs::read_link(proc.join("exe")).ok()?;
    let program = exe.file_name()?.to_string_lossy().into_owned();
    let works_in = |folder: &Path| fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd == folder);

    let polite = if program.starts_with("postgres") && cluster.is_some_and(works_in) {
        Signal::SIGINT
    } else if (program.starts_with("redis") && works_in(redis)) || is_marked(&proc, root) {
        Signal::SIGTERM
    } else {
        return None;
    };
    Some(Leftover { pid, polite })
}

fn is_marked(proc: &Path, root: &Path) -> bool {
    let mark = format!("{MARK}={}", root.display());
    fs::read(proc.join("environ")).is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|v| v == mark.as_bytes()))
}
