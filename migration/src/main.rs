//! `migration up` brings `DATABASE_URL` to the newest schema, `migration down` goes one step back, and `migration status` says
//! which steps were taken; it ends with status 1 when some were not.

use std::process::ExitCode;

use anyhow::{Context, bail};
use migration::{Migrator, MigratorTrait};
use sea_orm_migration::{MigrationStatus, sea_orm::Database};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let db = Database::connect(database_url()?).await.context("DATABASE_URL does not answer")?;
    match std::env::args().nth(1).as_deref() {
        Some("up") => Migrator::up(&db, None).await?,
        Some("down") => Migrator::down(&db, Some(1)).await?,
        Some("status") => {}
        _ => bail!("usage: migration up | down | status"),
    }
    let mut pending = false;
    for step in Migrator::get_migration_with_status(&db).await? {
        pending |= step.status() == MigrationStatus::Pending;
        println!("{:8} {}", step.status().to_string().to_lowercase(), step.name());
    }
    let status = std::env::args().nth(1).as_deref() == Some("status");
    Ok(if status && pending { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// As every process reads it: `DATABASE_URL_FILE` names a file that holds it instead.
fn database_url() -> anyhow::Result<String> {
    let url = match std::env::var("DATABASE_URL_FILE").ok().filter(|path| !path.is_empty()) {
        Some(path) => std::fs::read_to_string(path).context("DATABASE_URL_FILE")?,
        None => std::env::var("DATABASE_URL").unwrap_or_default(),
    };
    let url = url.trim_end();
    if url.is_empty() {
        bail!("DATABASE_URL is not set");
    }
    Ok(url.to_owned())
}
