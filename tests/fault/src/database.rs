//! Looking into the database from outside, past every proxy.

use anyhow::{Context, Result};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use serde::de::DeserializeOwned;

/// # Errors
/// The server is away.
pub async fn connect(url: &str) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(3).sqlx_logging(false).acquire_timeout(std::time::Duration::from_secs(20));
    Ok(Database::connect(options).await?)
}

/// Every row of a query, by the names of its columns.
///
/// # Errors
/// The query is wrong, or the database away.
pub async fn rows<T: DeserializeOwned>(db: &DatabaseConnection, sql: &str) -> Result<Vec<T>> {
    let sql = format!("select coalesce(json_agg(t), '[]')::text as rows from ({sql}) t");
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?.context("one row")?;
    Ok(serde_json::from_str(&row.try_get::<String>("", "rows")?)?)
}

/// The one number of a query.
///
/// # Errors
/// As [`rows`].
pub async fn number(db: &DatabaseConnection, sql: &str) -> Result<i64> {
    let sql = format!("select ({sql})::bigint as number");
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?.context("one row")?;
    Ok(row.try_get("", "number")?)
}

/// # Errors
/// The statement is wrong, or the database away.
pub async fn run(db: &DatabaseConnection, sql: &str) -> Result<()> {
    db.execute_unprepared(sql).await?;
    Ok(())
}

/// The checker's own record of every change of every job, kept by a trigger: append-only,
/// and rolled back with what it records.
const WATCH: &str = r"
create schema checker;
create table checker.attempt (
    seq bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    job uuid not null, queue text not null, kind text not null,
    fence bigint not null, attempt integer not null, worker text, change text not null
);
create function checker.note() returns trigger language plpgsql as $$
declare change text;
begin
    change := case
        when tg_op = 'INSERT' then 'accepted'
        when new.state = 'running' and new.fence > old.fence then 'claimed'
        when new.state = 'running' and new.lease_until > old.lease_until then 'renewed'
        when new.state = 'done' and new.outcome::text is distinct from old.outcome::text and old.state = 'done' then 'done again'
        when new.state = 'done' then 'done'
        when new.crashes > old.crashes then 'crashed'
        when old.state = 'running' and new.state = 'ready' and new.attempt < old.attempt then 'released'
        when old.state = 'running' and new.state in ('ready', 'dead') then 'failed'
    end;
    if change is not null then
        insert into checker.attempt (job, queue, kind, fence, attempt, worker, change)
        values (new.id, new.queue, new.kind, new.fence, new.attempt, coalesce(new.worker, old.worker), change);
    end if;
    return null;
end $$;
create trigger note after insert or update on job for each row execute function checker.note();";

/// # Errors
/// The database is away.
pub async fn watch_jobs(db: &DatabaseConnection) -> Result<()> {
    run(db, WATCH).await
}
