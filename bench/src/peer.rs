//! The peer: what users would otherwise pick, as scripts for Node in a folder that the caller names.
//!
//! Nothing of it belongs to this project. It gets a Redis of its own, without
//! persistence, and a database on the same PostgreSQL as ours.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::running::{Running, free_address};

pub(crate) struct Peer {
    folder: PathBuf,
    log: PathBuf,
    pub(crate) redis: String,
    pub(crate) database: String,
    _redis: Running,
}

impl Peer {
    /// `folder` holds the scripts with their packages installed, as `bin/bench` leaves them.
    ///
    /// # Errors
    /// The folder is not that, or Redis does not start.
    pub(crate) async fn start(folder: &Path, log: PathBuf, database: String) -> Result<Self> {
        ensure!(folder.join("node_modules").exists(), "{}: run `npm install` there first", folder.display());
        let address = free_address()?;
        let mut command = Command::new("redis-server");
        let port = address.port().to_string();
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"]);
        let mut redis = Running::start(command, &log)?;
        redis.ready(address, None).await?;
        Ok(Self { folder: folder.to_owned(), log, redis: format!("redis://{address}"), database, _redis: redis })
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(script).current_dir(&self.folder).env("REDIS", &self.redis).env("DATABASE_URL", &self.database);
        command
    }

    /// Runs a script on an empty Redis to its end and returns what it printed.
    ///
    /// # Errors
    /// It failed.
    pub(crate) async fn run(&self, script: &str, arguments: &[&str]) -> Result<String> {
        self.forget().await?;
        let mut command = self.command(script);
        let output = command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).output().await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{script}: {said}{}", String::from_utf8_lossy(&output.stderr));
        Ok(said)
    }

    /// Starts a script that goes on, on an empty Redis.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) async fn serve(&self, script: &str, port: u16) -> Result<Running> {
        self.forget().await?;
        let mut command = self.command(script);
        command.env("PORT", port.to_string());
        Running::start(command, &self.log)
    }

    async fn forget(&self) -> Result<()> {
        let status = Command::new("redis-cli").args(["-u", &self.redis, "flushall"]).stdout(Stdio::null()).status();
        ensure!(status.await?.success(), "Redis was not emptied");
        Ok(())
    }
}

/// The number behind these words, up to the next blank.
///
/// # Errors
/// The words are not there, or no number follows them.
pub(crate) fn number_after(said: &str, words: &str) -> Result<f64> {
    let rest = said.split_once(words).with_context(|| format!("no {words:?} in {said:?}"))?.1;
    let number = rest.split_whitespace().next().context("nothing follows")?;
    number.parse().with_context(|| format!("{number:?} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_behind_its_words() {
        let said = "drain c=100 /s 4321\nidle push-to-start ms p50 0.44 p99 1.20\n";
        assert!((number_after(said, "drain c=100 /s").unwrap() - 4321.0).abs() < 1e-9);
        assert!((number_after(said, "p99").unwrap() - 1.2).abs() < 1e-9);
        assert!(number_after(said, "p75").is_err());
    }
}
