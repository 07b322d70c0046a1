use std::{env, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Handle,
    time::timeout,
};

use crate::{
    console::Console,
    data_dir::{self, DataDir},
    port::Ports,
    process::{LONGEST_PAUSE, Process, Program},
    secret::Secrets,
};

/// A Redis of our own, reachable on a loopback port with a password.
pub struct Redis {
    process: Process,
    port: u16,
    password: String,
}

/// It reads its append-only file first.
const PATIENCE: Duration = Duration::from_secs(60);

impl Redis {
    pub(crate) async fn start(data_dir: &DataDir, console: Console, runtime: &Handle) -> Result<Self> {
        let port = Ports::of(data_dir)?.number("redis")?;
        let password = Secrets::of(data_dir)?.redis_password;
        let program = program(data_dir, port, &password)?;
        let redis = Self { process: Process::start(program, data_dir, console, runtime), port, password };
        redis.ready().await?;
        Ok(redis)
    }

    /// Its address, password included.
    #[must_use]
    pub fn url(&self) -> String {
        let Self { port, password, .. } = self;
        format!("redis://:{password}@127.0.0.1:{port}")
    }

    /// The number of its loopback port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Ends the server; what it holds is written to its folder first.
    pub async fn stop(&self) {
        self.process.stop().await;
    }

    /// Starts the server again after [`Self::stop`] and waits until it answers.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn resume(&self) -> Result<()> {
        self.process.resume().await;
        self.ready().await
    }

    async fn ready(&self) -> Result<()> {
        let answers = async || {
            let answer = timeout(Duration::from_secs(2), self.ping()).await;
            matches!(answer, Ok(Ok(true)))
        };
        self.process.ready(PATIENCE, answers).await
    }

    /// While it loads its file it answers `-LOADING` instead.
    async fn ping(&self) -> Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let request = format!("AUTH {}\r\nPING\r\nQUIT\r\n", self.password);
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer.starts_with("+OK\r\n+PONG"))
    }
}

fn program(data_dir: &DataDir, port: u16, password: &str) -> Result<Program> {
    let dir = data_dir.folder("redis")?;
    let file = dir.join("redis.conf");
    // In a file and not on the command line, which every user can read.
    let settings = format!(
        "bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir \"{dir}\"\n\
         appendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\n\
         daemonize no\nset-proc-title no\n",
        dir = dir.display(),
    );
    data_dir::write_private(&file, settings.as_bytes())?;
    data_dir::write_private(&dir.join("password"), password.as_bytes())?;
    Ok(Program {
        name: "redis".to_owned(),
        path: executable()?,
        args: vec![file.into_os_string()],
        env: Vec::new(),
        hidden: None,
        account: None,
        polite: Signal::SIGTERM,
        grace: Duration::from_secs(20),
        longest_pause: LONGEST_PAUSE,
    })
}

fn executable() -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let debian = PathBuf::from("/usr/bin");
    env::split_paths(&path)
        .chain([debian])
        .map(|folder| folder.join("redis-server"))
        .find(|program| program.exists())
        .context("Redis is not installed (Debian package: redis-server)")
}
