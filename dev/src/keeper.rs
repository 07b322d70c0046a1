use std::{
    fs::{self, File, OpenOptions},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::ExitStatus,
    time::Duration,
};

use anyhow::{Context, Result};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::Child,
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    console::Console,
    process::{Program, State},
    watchdog::Watchdog,
};

/// In bytes.
const LONG_LOG: u64 = 20 * 1024 * 1024;

/// Keeps one program running until it is told otherwise.
pub(crate) struct Keeper {
    pub(crate) program: Program,
    pub(crate) root: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) console: Console,
    pub(crate) reports: watch::Sender<State>,
}

impl Keeper {
    /// Runs until the other side of `wanted` is dropped.
    pub(crate) async fn keep(self, wanted: watch::Receiver<bool>) {
        self.begin_log();
        let shown = self.console.follow(self.log.clone(), self.program.name.clone());
        let shown = tokio::spawn(shown);
        self.keep_running(wanted).await;
        shown.abort();
    }

    /// A long log is put aside, in place of the one put aside before.
    fn begin_log(&self) {
        if fs::metadata(&self.log).is_ok_and(|log| log.len() > LONG_LOG) {
            let _ = fs::rename(&self.log, self.log.with_extension("log.old"));
        }
        let _ = self.open_log();
    }

    async fn keep_running(&self, mut wanted: watch::Receiver<bool>) {
        let mut pauses = Pauses { longest: self.program.longest_pause, deaths: 0 };
        while wanted.wait_for(|wanted| *wanted).await.is_ok() {
            let started = Instant::now();
            let Some(why) = self.run_once(&mut wanted).await else {
                self.reports.send_replace(State::Stopped);
                continue;
            };
            let pause = pauses.next(started.elapsed());
            self.announce(&why, pause);
            self.reports.send_replace(State::Died(why));
            if timeout(pause, unwanted(&mut wanted)).await.is_ok() {
                self.reports.send_replace(State::Stopped);
            }
        }
    }

    /// Why the program ended unasked; nothing when it was asked.
    async fn run_once(&self, wanted: &mut watch::Receiver<bool>) -> Option<String> {
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => return Some(format!("could not be started: {error:#}")),
        };
        let pid = child.id()?;
        let watchdog = Watchdog::over(pid, self.program.polite);
        self.reports.send_replace(State::Running(pid));
        let why = tokio::select! {
            status = child.wait() => Some(describe(status.ok())),
            () = unwanted(wanted) => None,
        };
        if why.is_none() {
            self.end(&mut child, pid).await;
        }
        watchdog.call_off().await;
        why
    }

    fn spawn(&self) -> Result<Child> {
        let mut command = self.program.command(&self.root);
        command.stdout(self.open_log()?).stderr(self.open_log()?);
        command.spawn().with_context(|| self.program.path.display().to_string())
    }

    fn open_log(&self) -> Result<File> {
        let log = OpenOptions::new().append(true).create(true).open(&self.log);
        log.with_context(|| self.log.display().to_string())
    }

    async fn end(&self, child: &mut Child, pid: u32) {
        let _ = kill(Pid::from_raw(pid.cast_signed()), self.program.polite);
        if timeout(self.program.grace, child.wait()).await.is_err() {
            let grace = self.program.grace.as_secs();
            let name = &self.program.name;
            self.console.say(&format!("{name} did not end within {grace} s: killed"));
            let _ = child.kill().await;
        }
    }

    fn announce(&self, why: &str, pause: Duration) {
        let name = &self.program.name;
        self.console.say(&format!(
            "{name} {why}; see {}. It is started again in {} s.",
            self.log.display(),
            pause.as_secs()
        ));
    }
}

/// Waits until the program is no longer wanted, by order or for want of anybody
/// who could give one.
async fn unwanted(wanted: &mut watch::Receiver<bool>) {
    let _ = wanted.wait_for(|wanted| !*wanted).await;
}

/// How long to wait before the next start: longer each time, so that a program
/// that cannot run does not keep the machine busy.
struct Pauses {
    longest: Duration,
    deaths: u32,
}

impl Pauses {
    fn next(&mut self, lived: Duration) -> Duration {
        if lived > self.longest {
            self.deaths = 0;
        }
        let pause = Duration::from_secs(1 << self.deaths.min(5)).min(self.longest);
        self.deaths += 1;
        pause
    }
}

fn describe(status: Option<ExitStatus>) -> String {
    let Some(status) = status else {
        return "ended for an unknown reason".to_owned();
    };
    match (status.signal(), status.code()) {
        (Some(signal), _) => match Signal::try_from(signal) {
            Ok(signal) => format!("was ended by {signal}"),
            Err(_) => format!("was ended by signal {signal}"),
        },
        (None, code) => format!("ended with status {}", code.unwrap_or_default()),
    }
}
