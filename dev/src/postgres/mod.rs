mod cluster;
mod installation;
mod place;

use std::{fs::File, time::Duration};

use anyhow::Result;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tokio::runtime::Handle;

pub(crate) use self::place::cluster;
use self::{cluster::Cluster, installation::Installation, place::place};
use crate::{account::Account, console::Console, data_dir::DataDir, port::Ports, process::Process, secret::Secrets};

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
        connections: usize,
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
        let program = cluster.program(data_dir, port, durability, connections)?;
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
