//! Programs that run for one round.

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::process::{Child, Command};

/// A program that ends with the round, at the latest when this value goes.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Starts a program; what it says goes to `log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let out = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot start {:?}", command.as_std().get_program()))?;
        Ok(Self { child })
    }

    /// Waits until something listens there and, where a path is given, answers it with a success.
    ///
    /// # Errors
    /// The program ended, or half a minute is over.
    pub(crate) async fn ready(&mut self, address: SocketAddr, path: Option<&str>) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status} before it was ready");
            }
            let ready = match path {
                None => tokio::net::TcpStream::connect(address).await.is_ok(),
                Some(path) => answers(&format!("http://{address}{path}")).await,
            };
            if ready {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("nothing answers at {address}")
    }

    /// Its memory in megabytes: `VmRSS` is what it holds now, `VmHWM` the most it ever held.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn megabytes(&self, what: &str) -> Result<f64> {
        megabytes(self.child.id().context("the program has ended")?, what)
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    /// It cannot be told.
    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(pid) = self.child.id() {
            kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM)?;
        }
        if tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}

async fn answers(url: &str) -> bool {
    reqwest::get(url).await.is_ok_and(|answer| answer.status().is_success())
}

/// A loopback address that was free a moment ago.
///
/// # Errors
/// There is none.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The memory of a process in megabytes, as `/proc` names it.
///
/// # Errors
/// There is no such process.
pub(crate) fn megabytes(pid: u32, what: &str) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).context(path)?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':')).context("no such line")?;
    let kilobytes: f64 = line.split_whitespace().next().context("an empty line")?.parse()?;
    Ok(kilobytes * 1024.0 / 1e6)
}
