//! The ground both sides are measured on: one PostgreSQL that commits durably, one
//! Redis of ours, one folder of photos, and a fresh house for every round.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result};
use api::token::Tokens;
use chrono::{DateTime, TimeDelta, Utc};
use dev::{DataDir, Services, Setup};
use migration::{Migrator, MigratorTrait};
use rules::account::Role;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, FromQueryResult, Statement};
use tokio::process::Command;
use uuid::Uuid;

use crate::{
    peer::Peer,
    running::{Running, free_address},
};

/// Cars of every house.
pub(crate) const CARS: u64 = 500;
/// Customers of every house, and so connections that ask.
pub(crate) const CUSTOMERS: usize = 32;

/// What rows cost that no job wrote.
pub(crate) const QUOTE: &str = r#"{
    "lines": [{ "code": "rental_days", "description": "Rental by the day", "quantity": 1, "unit": "day",
                "amount": { "amount": 4900, "currency": "EUR" } }],
    "days": 1, "subtotal": { "amount": 4900, "currency": "EUR" }, "tax": { "amount": 931, "currency": "EUR" },
    "total": { "amount": 5831, "currency": "EUR" }, "deposit": { "amount": 30000, "currency": "EUR" }, "lateRule": ""
}"#;

const TEMPLATE: &str = "template_bench";
/// Base64 of 32 bytes; these houses live for seconds.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// What all rounds share.
pub(crate) struct Ground {
    pub(crate) services: Services,
    pub(crate) data_dir: DataDir,
    pub(crate) peer: Option<Peer>,
    /// The program that measures the official Rust queues.
    pub(crate) queues: Option<PathBuf>,
    /// The folder of our programs.
    pub(crate) programs: PathBuf,
    /// How long a side is measured in one round.
    pub(crate) measured: Duration,
    pub(crate) quick: bool,
    /// Growth up to a hundred times the rows.
    pub(crate) huge: bool,
    /// A YOLOX model to measure with instead of the tiny one.
    pub(crate) model: Option<PathBuf>,
    houses: AtomicU32,
}

/// What the command line chose.
pub(crate) struct Choice {
    pub(crate) peer: Option<PathBuf>,
    pub(crate) queues: Option<PathBuf>,
    pub(crate) model: Option<PathBuf>,
    pub(crate) seconds: Option<f64>,
    pub(crate) quick: bool,
    pub(crate) huge: bool,
}

impl Ground {
    /// # Errors
    /// A server does not come up.
    pub(crate) async fn prepare(choice: Choice) -> Result<Self> {
        let programs = std::env::current_exe()?.parent().context("this program is in no folder")?.to_owned();
        let data_dir = DataDir::scratch()?;
        let setup = Setup { console: dev::Console::Silent, ..Setup::default() };
        let services = Services::start(&data_dir, setup).await?;
        let peer = match lay(&services, &data_dir, choice.peer.as_deref()).await {
            Ok(peer) => peer,
            Err(error) => {
                services.stop().await;
                return Err(error);
            }
        };
        let measured = Duration::from_secs_f64(choice.seconds.unwrap_or(if choice.quick { 2.0 } else { 4.0 }));
        let Choice { queues, model, quick, huge, .. } = choice;
        Ok(Self { services, data_dir, peer, queues, programs, measured, quick, huge, model, houses: AtomicU32::new(0) })
    }

    /// A house of its own: nothing that an earlier round left slows it down.
    ///
    /// # Errors
    /// The database cannot be made.
    pub(crate) async fn house(&self) -> Result<House<'_>> {
        let name = format!("house_{}", self.houses.fetch_add(1, Ordering::Relaxed));
        let url = self.services.create_database(&name, Some(TEMPLATE)).await?;
        // What was written for the copy shall not be flushed while the round is measured.
        let db = Database::connect(&url).await?;
        db.execute_unprepared("checkpoint").await?;
        Ok(House { ground: self, name, url, db })
    }

    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// What every house is copied from, and the peer if there is one.
async fn lay(services: &Services, data_dir: &DataDir, peer: Option<&Path>) -> Result<Option<Peer>> {
    let url = services.create_database(TEMPLATE, None).await?;
    let db = Database::connect(url).await?;
    Migrator::up(&db, None).await?;
    db.execute_unprepared(PEOPLE_AND_CARS).await?;
    // Nobody may be connected to a template.
    db.close().await?;
    let Some(folder) = peer else { return Ok(None) };
    let database = services.create_database("peer", None).await?;
    Ok(Some(Peer::start(folder, data_dir.log("peer"), database).await?))
}

/// One fresh Forecourt: a database with people and cars, and what its processes are told.
pub(crate) struct House<'a> {
    pub(crate) ground: &'a Ground,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) db: DatabaseConnection,
}

impl House<'_> {
    /// Starts one of our programs and waits until it is ready; returns where it listens.
    ///
    /// # Errors
    /// It does not come up.
    pub(crate) async fn start(&self, program: &str) -> Result<(Running, SocketAddr)> {
        let address = free_address()?;
        let mut running = self.spawn(program, address)?;
        running.ready(address, Some("/readyz")).await.with_context(|| format!("{program}, {}", self.log(program)))?;
        Ok((running, address))
    }

    /// Starts one of our programs.
    ///
    /// # Errors
    /// It is not built.
    pub(crate) fn spawn(&self, program: &str, address: SocketAddr) -> Result<Running> {
        let path = self.ground.programs.join(program);
        let mut command = Command::new(&path);
        let listen = if program == "api" { "HTTP_LISTEN" } else { "PROBE_LISTEN" };
        command.env_remove("RUST_LOG").envs(self.ground.services.settings(&self.name)).envs([
            (listen, address.to_string()),
            ("REDIS_PREFIX", self.prefix()),
            ("ACCESS_TOKEN_KEY", KEY.to_owned()),
            ("LINK_TOKEN_KEY", KEY.to_owned()),
            // Few customers book thousands.
            ("OPEN_BOOKINGS_PER_CUSTOMER", "0".to_owned()),
        ]);
        Running::start(command, &self.ground.data_dir.log(program))
    }

    fn log(&self, program: &str) -> String {
        self.ground.data_dir.log(program).display().to_string()
    }

    /// What all its keys in Redis begin with.
    pub(crate) fn prefix(&self) -> String {
        format!("{}:", self.name)
    }

    /// The one number that a query gives.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn number(&self, sql: &str) -> Result<f64> {
        #[derive(FromQueryResult)]
        struct Number {
            number: f64,
        }
        let sql = format!("select ({sql})::float8 as number");
        let found = Number::find_by_statement(Statement::from_string(sea_orm::DbBackend::Postgres, sql));
        Ok(found.one(&self.db).await?.context("a query without a row")?.number)
    }

    /// Closes the house; its programs have ended.
    ///
    /// # Errors
    /// The database cannot be removed.
    pub(crate) async fn close(self) -> Result<()> {
        self.db.close().await?;
        let own = self.ground.services.postgres().context("the database server is not our own")?;
        own.drop_database(&self.name).await
    }
}

/// The customer of this number.
pub(crate) fn customer(number: usize) -> Uuid {
    Uuid::from_u128(0x1_0000 + number as u128)
}

/// The car of this number.
pub(crate) fn car(number: u64) -> Uuid {
    Uuid::from_u128(0x2_0000 + u128::from(number))
}

/// An access token for each customer.
///
/// # Errors
/// Never with a key of this kind.
pub(crate) fn tokens() -> Result<Vec<String>> {
    let tokens = Tokens::new(&[0; 32], Duration::from_secs(3600));
    let issue = |number| tokens.issue(customer(number), Uuid::now_v7(), Role::Customer);
    let tokens: Result<Vec<String>, _> = (0..CUSTOMERS).map(issue).collect();
    tokens.map_err(|error| anyhow::anyhow!("{error:?}"))
}

/// The car and the times of the request of this number. No two are in each other's way: every car
/// is booked for two hours out of every three. Not from tomorrow on: an hour before midnight its first hours cannot be booked any more.
pub(crate) fn slot(number: u64) -> (Uuid, DateTime<Utc>, DateTime<Utc>) {
    let soon = (Utc::now() + TimeDelta::days(2)).date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    let start = soon + TimeDelta::hours(3 * i64::try_from(number / CARS).unwrap_or_default());
    (car(number % CARS), start, start + TimeDelta::hours(2))
}

const PEOPLE_AND_CARS: &str = "
insert into account (id, email, name, password_hash, role)
select lpad(to_hex(65536 + n), 32, '0')::uuid, n || '@example.com', 'A Customer', '', 'customer'
from generate_series(0, 31) n;
insert into car (id, plate, make, model, year, category, seats, fuel_type, price_per_day, currency, branch_id)
select lpad(to_hex(131072 + n), 32, '0')::uuid, 'B-' || n, 'VW', 'Golf', 2025, 'compact', 5, 'petrol', 4900, 'EUR', branch.id
from branch, generate_series(0, 499) n;
analyze account, car, branch;";
