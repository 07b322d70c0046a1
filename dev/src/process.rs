use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::Command,
    runtime::Handle,
    sync::watch,
    time::{Instant, sleep},
};

use crate::{account::Account, console::Console, data_dir::DataDir, keeper::Keeper, leftover, services::of_file};

/// The pause before a program that keeps dying is started again.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A program to run, and how.
#[derive(Clone)]
pub struct Program {
    /// Names it in messages, and its log file.
    pub name: String,
    pub path: PathBuf,
    pub args: Vec<OsString>,
    pub env: Vec<(String, String)>,
    /// Variables of this process that the program must not see; `None` lets it
    /// see none but `PATH`.
    pub(crate) hidden: Option<&'static [&'static str]>,
    pub(crate) account: Option<Account>,
    /// What asks it to end in good order.
    pub polite: Signal,
    /// How long it may take to end before it is killed.
    pub grace: Duration,
    /// However often it died, it is started again after this at the latest.
    pub longest_pause: Duration,
}

impl Program {
    /// A program that sees all variables of this process and is asked to end by SIGTERM.
    #[must_use]
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>, env: Vec<(String, String)>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            args: Vec::new(),
            env,
            hidden: Some(&[]),
            account: None,
            polite: Signal::SIGTERM,
            grace: Duration::from_secs(30),
            longest_pause: LONGEST_PAUSE,
        }
    }

    /// A command that runs it in a process group of its own, so that Ctrl-C in
    /// the terminal reaches only this process, which then ends the others in order.
    pub(crate) fn command(&self, root: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.args).stdin(Stdio::null());
        match self.hidden {
            Some(names) => names.iter().for_each(|name| {
                command.env_remove(name);
            }),
            None => {
                command.env_clear();
                command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
            }
        }
        for (name, value) in &self.env {
            // An inherited one would win.
            command.env_remove(of_file(name)).env(name, value);
        }
        command.env(leftover::MARK, root);
        if let Some(account) = &self.account {
            command.uid(account.uid).gid(account.gid).current_dir("/");
        }
        command.process_group(0);
        command
    }
}

/// What a process is doing at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Under this process id.
    Running(u32),
    /// It ended, or could not be started, without having been asked to: why.
    /// It is started again after a pause.
    Died(String),
    /// It was asked to end and has.
    Stopped,
}

/// One program that is kept running: started again when it dies unasked.
///
/// Dropping it ends the program too, but does not wait for that.
pub struct Process {
    name: String,
    log: PathBuf,
    wanted: watch::Sender<bool>,
    state: watch::Receiver<State>,
}

impl Process {
    pub(crate) fn start(program: Program, data_dir: &DataDir, console: Console, runtime: &Handle) -> Self {
        let (wanted, wants) = watch::channel(true);
        let (reports, state) = watch::channel(State::Stopped);
        let (name, log) = (program.name.clone(), data_dir.log(&program.name));
        let keeper = Keeper { program, root: data_dir.root().to_owned(), log: log.clone(), console, reports };
        runtime.spawn(keeper.keep(wants));
        Self { name, log, wanted, state }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match *self.state.borrow() {
            State::Running(pid) => Some(pid),
            State::Died(_) | State::Stopped => None,
        }
    }

    /// Follows what becomes of it.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Ends it in good order, or kills it when its grace is over, and waits.
    pub async fn stop(&self) {
        self.wanted.send_replace(false);
        let _ = self.state.clone().wait_for(|s| *s == State::Stopped).await;
    }

    /// Starts it again after [`Self::stop`] and waits for the process to exist,
    /// which is before it is ready to serve.
    pub async fn resume(&self) {
        self.wanted.send_replace(true);
        let _ = self.state.clone().wait_for(|s| *s != State::Stopped).await;
    }

    /// Sends it a signal. One that ends it counts as an unasked death.
    ///
    /// # Errors
    /// It is not running.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid().with_context(|| format!("{} is not running", self.name))?;
        kill(Pid::from_raw(pid.cast_signed()), signal)?;
        Ok(())
    }

    /// Waits until `probe` says yes.
    ///
    /// # Errors
    /// It died, or `patience` ran out; the message has the end of its log.
    pub async fn ready(&self, patience: Duration, probe: impl AsyncFn() -> bool) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            if let State::Died(why) = self.state.borrow().clone() {
                bail!("{} {why}\n{}", self.name, self.last_words());
            }
            if probe().await {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{} is not ready\n{}", self.name, self.last_words());
            }
            sleep(Duration::from_millis(30)).await;
        }
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(10)..].join("\n  ");
        format!("the end of {}:\n  {tail}", self.log.display())
    }
}
