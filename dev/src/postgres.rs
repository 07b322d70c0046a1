use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tokio::runtime::Handle;

use crate::{
    account::Account,
    console::Console,
    data_dir::{self, DataDir},
    port::Ports,
    postgres_program::Installation,
    process::{Process, Program},
    secret::Secrets,
};

/// How much a crash of the whole machine may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was committed.
    #[default]
    Full,
    /// Everything. Only for tests: what they write is thrown away anyway. A
    /// crash of PostgreSQL alone still loses nothing but the last moments.
    None,
}

/// A PostgreSQL of our own, reachable on a loopback port with a password.
pub struct Postgres {
    process: Process,
    port: u16,
    password: String,
    runtime: Handle,
    _hold: Option<File>,
}

/// The superuser, and the database that the platform itself uses.
pub(crate) const NAME: &str = "forecourt";

/// Crash recovery after a kill replays the write-ahead log first.
const PATIENCE: Duration = Duration::from_secs(120);

impl Postgres {
    pub(crate) async fn start(
        data_dir: &DataDir,
        durability: Durability,
        console: Console,
        runtime: &Handle,
    ) -> Result<Self> {
        let account = Account::instead_of_root()?;
        let (place, hold) = place(data_dir, account.as_ref())?;
        let installed = Installation::fitting(&place.join("data"))?;
        let password = Secrets::of(data_dir)?.postgres_password;
        let cluster = Cluster { place, account, installed };
        cluster.create(&password).await?;
        let port = Ports::of(data_dir)?.number("postgres")?;
        let program = cluster.program(data_dir, port, durability)?;
        let postgres = Self {
            process: Process::start(program, data_dir, console, runtime),
            port,
            password,
            runtime: runtime.clone(),
            _hold: hold,
        };
        postgres.ready().await?;
        if !postgres.has_database(NAME).await? {
            postgres.create_database(NAME, None).await?;
        }
        Ok(postgres)
    }

    /// The address of a database on this server, password included.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let Self { port, password, .. } = self;
        format!("postgres://{NAME}:{password}@127.0.0.1:{port}/{database}")
    }

    /// The number of its loopback port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A line for the file that `PGPASSFILE` names.
    pub(crate) fn password_line(&self) -> String {
        format!("127.0.0.1:{}:*:{NAME}:{}\n", self.port, self.password)
    }

    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Makes a database, empty or as a copy of `template`, to which nobody may
    /// be connected at that moment.
    ///
    /// # Errors
    /// The name is taken, or the template is in use.
    pub async fn create_database(&self, name: &str, template: Option<&str>) -> Result<()> {
        let from = template.map(|name| format!(" TEMPLATE {}", quoted(name)));
        let sql = format!("CREATE DATABASE {}{}", quoted(name), from.unwrap_or_default());
        self.execute(sql).await
    }

    /// Removes a database, and cuts off whoever is connected to it.
    ///
    /// # Errors
    /// The server is away.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        self.execute(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name))).await
    }

    /// Ends the server; connections are cut off, what was committed stays.
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
        let answers = async || match self.connect().await {
            Ok(connection) => connection.close().await.is_ok(),
            Err(_) => false,
        };
        self.process.ready(PATIENCE, answers).await
    }

    async fn has_database(&self, name: &str) -> Result<bool> {
        let connection = self.connect().await?;
        let sql = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
        let row = connection.query_one_raw(statement(sql)).await?;
        connection.close().await?;
        Ok(row.is_some())
    }

    /// Runs on the services' own runtime: a connection dies with the runtime
    /// that opened it, and a test's runtime ends with the test.
    async fn execute(&self, sql: String) -> Result<()> {
        let url = self.url("postgres");
        let task = async move {
            let connection = connect(url).await?;
            let done = connection.execute_raw(statement(sql)).await;
            connection.close().await?;
            done.map(drop).map_err(anyhow::Error::from)
        };
        self.runtime.spawn(task).await?
    }

    async fn connect(&self) -> Result<DatabaseConnection> {
        connect(self.url("postgres")).await
    }
}

async fn connect(url: String) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .connect_timeout(Duration::from_secs(10))
        .acquire_timeout(Duration::from_secs(10))
        .sqlx_logging(false);
    Ok(Database::connect(options).await?)
}

fn statement(sql: String) -> sea_orm::Statement {
    sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Where the database files of this data folder are.
pub(crate) fn cluster(root: &Path) -> PathBuf {
    let place = root.join("postgres");
    place.canonicalize().unwrap_or(place).join("data")
}

/// Below the folder the server's account is kept out of, its files cannot be:
/// they go here, and the data folder keeps a link.
const ELSEWHERE: &str = "/var/lib/forecourt";

/// The folder that holds the database files, and its lock where it is outside
/// the data folder, which then does not guard it.
fn place(data_dir: &DataDir, account: Option<&Account>) -> Result<(PathBuf, Option<File>)> {
    let inside = data_dir.path("postgres");
    let Some(account) = account else {
        data_dir::make_private(&inside)?;
        return Ok((inside.canonicalize()?, None));
    };
    if !inside.is_symlink() {
        data_dir::make_private(&inside)?;
        account.give(&inside)?;
        if account.can_work_in(&inside) {
            return Ok((inside, None));
        }
        // Empty: nobody has been able to work in it.
        fs::remove_dir(&inside).with_context(|| format!("{} cannot be entered", inside.display()))?;
        symlink(Path::new(ELSEWHERE).join(data_dir.fingerprint()), &inside)?;
    }
    let outside = fs::read_link(&inside)?;
    fs::create_dir_all(outside.parent().unwrap_or(&outside))?;
    data_dir::make_private(&outside)?;
    account.give(&outside)?;
    if !account.can_work_in(&outside) {
        bail!("uid {} cannot work in {}", account.uid, outside.display());
    }
    let hold = data_dir::lock(&outside.join("lock"))?;
    Ok((outside.canonicalize()?, Some(hold)))
}

struct Cluster {
    place: PathBuf,
    account: Option<Account>,
    installed: Installation,
}

impl Cluster {
    fn data(&self) -> PathBuf {
        self.place.join("data")
    }

    /// Makes the database files where there are none yet. They appear under
    /// their final name only when they are whole.
    async fn create(&self, password: &str) -> Result<()> {
        if self.data().join("PG_VERSION").exists() {
            return Ok(());
        }
        let part = self.place.join("data.part");
        let _ = fs::remove_dir_all(&part);
        let password_file = self.place.join("password");
        data_dir::write_private(&password_file, password.as_bytes())?;
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

    fn program(&self, data_dir: &DataDir, port: u16, durability: Durability) -> Result<Program> {
        let socket = self.socket_dir(data_dir)?;
        let mut args = vec!["-D".into(), self.data().into_os_string()];
        for setting in settings(port, &socket, durability) {
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

fn settings(port: u16, socket: &Path, durability: Durability) -> Vec<String> {
    let mut settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", socket.display()),
        "unix_socket_permissions=0700".to_owned(),
        "max_connections=200".to_owned(),
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
