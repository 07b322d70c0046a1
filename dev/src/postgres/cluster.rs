use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use nix::sys::signal::Signal;
use sha2::{Digest, Sha256};

use super::{Durability, NAME, installation::Installation};
use crate::{
    account::Account,
    data_dir::{self, DataDir},
    process::{LONGEST_PAUSE, Program},
};

/// One set of database files, and the means to serve them.
pub(super) struct Cluster {
    pub(super) place: PathBuf,
    pub(super) account: Option<Account>,
    pub(super) installed: Installation,
}

impl Cluster {
    fn data(&self) -> PathBuf {
        self.place.join("data")
    }

    /// Makes the database files where there are none yet. They appear under
    /// their final name only when they are whole. `password` is a drawn one: see [`verifier()`].
    pub(super) async fn create(&self, password: &str) -> Result<()> {
        if self.data().join("PG_VERSION").exists() {
            return Ok(());
        }
        let part = self.place.join("data.part");
        let _ = fs::remove_dir_all(&part);
        let password_file = self.place.join("password");
        data_dir::write_private(&password_file, verifier(password).as_bytes())?;
        if let Some(account) = &self.account {
            account.give(&password_file)?;
        }
        let made = self.initdb(&part, &password_file).await;
        fs::remove_file(&password_file)?;
        made?;
        fs::rename(&part, self.data())?;
        Ok(())
    }

    async fn initdb(&self, data: &Path, password_file: &Path) -> Result<()> {
        let mut command = tokio::process::Command::new(self.installed.program("initdb"));
        command.arg("--pgdata").arg(data).arg("--pwfile").arg(password_file);
        command.args(["--username", NAME, "--auth", "scram-sha-256"]);
        command.args(["--encoding", "UTF8", "--locale", "C.UTF-8", "--data-checksums"]);
        command.stdin(Stdio::null()).current_dir("/");
        if let Some(account) = &self.account {
            command.uid(account.uid).gid(account.gid);
        }
        let output = command.output().await.context("cannot run initdb")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!("initdb failed: {}", said.trim());
        }
        Ok(())
    }

    pub(super) fn program(
        &self,
        data_dir: &DataDir,
        port: u16,
        durability: Durability,
        connections: usize,
    ) -> Result<Program> {
        let socket = self.socket_dir(data_dir)?;
        let mut args = vec!["-D".into(), self.data().into_os_string()];
        for setting in settings(port, &socket, durability, connections) {
            args.extend(["-c".into(), setting.into()]);
        }
        Ok(Program {
            name: "postgres".to_owned(),
            path: self.installed.program("postgres"),
            args,
            env: vec![("TZ".to_owned(), "UTC".to_owned())],
            hidden: None,
            account: self.account.clone(),
            // Fast shutdown: SIGTERM would wait for every client to leave.
            polite: Signal::SIGINT,
            grace: Duration::from_secs(30),
            longest_pause: LONGEST_PAUSE,
        })
    }

    /// The kernel takes no socket path longer than 107 bytes.
    fn socket_dir(&self, data_dir: &DataDir) -> Result<PathBuf> {
        const ROOM: usize = 107 - "/.s.PGSQL.65535.lock".len();
        let mut dir = self.place.join("run");
        if dir.as_os_str().len() > ROOM {
            dir = std::env::temp_dir().join(format!("forecourt-{}", data_dir.fingerprint()));
        }
        data_dir::make_private(&dir)?;
        if let Some(account) = &self.account {
            account.give(&dir)?;
        }
        Ok(dir)
    }
}

/// What the server keeps of a password (RFC 5803), stretched once instead of the 4,096 times that a person's needs: ours is
/// drawn from more values than anybody can try. In a debug build stretching takes a client far longer than all else
/// of a connection, and each process opens dozens.
fn verifier(password: &str) -> String {
    let keyed = |key: &[u8], value: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
        mac.update(value);
        mac.finalize().into_bytes()
    };
    let salt: [u8; 16] = rand::random();
    let salted = keyed(password.as_bytes(), &[&salt[..], &1_u32.to_be_bytes()].concat());
    let stored = Sha256::digest(keyed(&salted, b"Client Key"));
    let server = keyed(&salted, b"Server Key");
    let [salt, stored, server] = [&salt[..], &stored, &server].map(|bytes| BASE64.encode(bytes));
    format!("SCRAM-SHA-256$1:{salt}${stored}:{server}")
}

/// Enough for the front, one worker of each pool and a few people.
const CONNECTIONS: usize = 200;

fn settings(port: u16, socket: &Path, durability: Durability, connections: usize) -> Vec<String> {
    let mut settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", socket.display()),
        "unix_socket_permissions=0700".to_owned(),
        format!("max_connections={}", connections.max(CONNECTIONS)),
        "shared_buffers=128MB".to_owned(),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
        "log_line_prefix=%m [%p] %d ".to_owned(),
        // The queries are short: compiling one takes longer than running it.
        "jit=off".to_owned(),
    ];
    settings.extend(match durability {
        Durability::Full => vec!["synchronous_commit=on".to_owned()],
        Durability::None => ["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned).to_vec(),
    });
    settings
}
