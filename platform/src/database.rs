//! The connection pool, and whether the schema is the one this release expects.

use std::time::Duration;

use anyhow::Context;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbBackend, DbErr, FromQueryResult, RuntimeErr, Statement,
    sqlx::{Connection, error::DatabaseError},
};

use crate::Settings;

/// A connection that was idle this long is asked whether it still lives before it is used.
const RESTED: Duration = Duration::from_secs(1);

/// What the server does for us when a process is frozen, or its machine is gone without a word: a car's row
/// must not stay locked for long. No transaction of ours waits for anything but the database.
const SERVER_SIDE: [(&str, &str); 2] = [
    // A session that does nothing inside a transaction is ended.
    ("idle_in_transaction_session_timeout", "10s"),
    // Less than half of that: sessions of the same process may stand in line for the lock that the ended one
    // gives up, and would idle on it one after the other. Waiting for a row is up to two waits, each with this limit.
    ("lock_timeout", "4s"),
];

/// Opens the pool. It connects when it is first used, so a process can start while PostgreSQL is away.
///
/// # Errors
/// When `DATABASE_URL` is not a PostgreSQL URL.
pub async fn connect(settings: &Settings) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(settings.database_url.expose());
    options
        .max_connections(settings.database_connections)
        .min_connections(1)
        .connect_lazy(true)
        // Longer waits would pile requests up behind a database that is away.
        .acquire_timeout(Duration::from_secs(3))
        .connect_timeout(Duration::from_secs(3))
        .idle_timeout(Duration::from_secs(300))
        .test_before_acquire(false)
        // After an outage the pool is full of dead connections. Asking each before use would cost a round
        // trip per query; asking those that rested finds them, because in an outage all of them rest.
        .map_sqlx_postgres_pool_opts(|pool| {
            pool.before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for < RESTED {
                        return Ok(true);
                    }
                    Ok(Connection::ping(connection).await.is_ok())
                })
            })
        })
        .map_sqlx_postgres_opts(|options| {
            let named = options.get_application_name().is_some();
            let options = options.options(SERVER_SIDE);
            if named { options } else { options.application_name(&program()) }
        })
        .sqlx_logging(false);
    Database::connect(options).await
}

/// Tells sessions apart in `pg_stat_activity` and in PostgreSQL's log, unless `DATABASE_URL` or `PGAPPNAME` has a name for them.
fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// How long an answer of the database is waited for, where nothing else ends the wait.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What the database answers, or that it does not. A server that is gone without a word, with its machine or with a firewall's
/// memory, leaves whoever had asked it waiting for ever, while new connections work: sessions have no keepalive. What many wait
/// behind is asked through this; dropping a question in the middle drops its connection, too.
///
/// # Errors
/// When there was no answer in time, besides those of the question.
pub async fn answered<T, E: From<DbErr>>(
    within: Duration,
    question: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let silent = |_| DbErr::Conn(RuntimeErr::Internal("the database does not answer".to_owned()));
    tokio::time::timeout(within, question).await.map_err(silent)?
}

/// What the database said, where the error is an answer of its own.
pub fn answer(error: &DbErr) -> Option<&dyn DatabaseError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => error.as_database_error(),
        _ => None,
    }
}

/// PostgreSQL's code for a table that is not there.
const NO_TABLE: &str = "42P01";

/// Is the database writable and its schema that of this release (or newer)?
///
/// Asked by hand: the library creates its table where it is missing, which takes a right that a process needs for nothing else, and
/// takes a step that only a newer release knows for an error, although the processes of this one go on meanwhile.
///
/// # Errors
/// Says in words what is not as it should be.
pub async fn ready(db: &DatabaseConnection) -> anyhow::Result<()> {
    #[derive(FromQueryResult)]
    struct State {
        read_only: bool,
        may_write: bool,
        steps: Vec<String>,
    }
    let sql = "select current_setting('transaction_read_only')::bool as read_only,
                      has_table_privilege('job', 'insert') and has_table_privilege('job', 'update') as may_write,
                      coalesce((select array_agg(version::text) from seaql_migrations), '{}') as steps";
    let state = State::find_by_statement(Statement::from_string(DbBackend::Postgres, sql)).one(db);
    let state = tokio::time::timeout(Duration::from_secs(2), state).await;
    let state = match state.map_err(|_| anyhow::anyhow!("the database does not answer"))? {
        Ok(state) => state.context("the database does not answer")?,
        Err(error) if answer(&error).is_some_and(|answer| answer.code().as_deref() == Some(NO_TABLE)) => {
            anyhow::bail!("there is no schema yet, or none that this user may use; run `migration up`")
        }
        Err(error) => return Err(error.into()),
    };
    anyhow::ensure!(!state.read_only, "the database takes no writes");
    anyhow::ensure!(state.may_write, "this user of the database may not write the table `job`");
    let known = Migrator::migrations();
    let pending = known.iter().filter(|step| !state.steps.iter().any(|done| done == step.name())).count();
    anyhow::ensure!(pending == 0, "{pending} migrations are pending; run `migration up`");
    Ok(())
}
