//! `migration up` brings `DATABASE_URL` to the newest schema, `migration down` goes one step back, and `migration status` says
//! which steps were taken; it only reads, and ends with status 1 when some were not.

use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use migration::{Migrator, MigratorTrait};
use sea_orm_migration::{
    MigrationStatus,
    sea_orm::{Database, DatabaseConnection},
};
use url::Url;

const USAGE: &str = "usage: migration up | down | status (of the database in DATABASE_URL)";

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // Before anything is connected to.
    let [word @ ("up" | "down" | "status" | "--help" | "-h")] = words.as_slice() else { bail!(USAGE) };
    if word.starts_with('-') {
        println!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    }
    let db = connect().await?;
    match *word {
        "up" => migration::up(&db).await?,
        "down" => migration::down(&db).await?,
        _ => {}
    }
    let pending = show(&db).await?;
    Ok(if *word == "status" && pending { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn connect() -> anyhow::Result<DatabaseConnection> {
    let url = database_url()?;
    check(&url)?;
    Database::connect(url).await.context("DATABASE_URL does not answer")
}

/// Prints every step, and tells whether some were not taken.
async fn show(db: &DatabaseConnection) -> anyhow::Result<bool> {
    let mut pending = false;
    for step in Migrator::get_migration_with_status_read_only(db).await? {
        pending |= step.status() == MigrationStatus::Pending;
        println!("{:8} {}", step.status().to_string().to_lowercase(), step.name());
    }
    Ok(pending)
}

/// As every process reads it: `DATABASE_URL_FILE` names a file that holds it instead.
fn database_url() -> anyhow::Result<String> {
    let url = match std::env::var("DATABASE_URL_FILE").ok().filter(|path| !path.is_empty()) {
        Some(path) => {
            std::fs::read_to_string(&path).with_context(|| format!("DATABASE_URL_FILE: cannot read {path}"))?
        }
        None => std::env::var("DATABASE_URL").unwrap_or_default(),
    };
    let url = url.trim_end();
    ensure!(!url.is_empty(), "DATABASE_URL is not set");
    Ok(url.to_owned())
}

/// Before it is used: the libraries quote a URL that they cannot read, with the password in it.
fn check(url: &str) -> anyhow::Result<()> {
    match Url::parse(url) {
        Ok(url) if ["postgres", "postgresql"].contains(&url.scheme()) => Ok(()),
        Ok(_) => bail!("DATABASE_URL must begin with postgres:// or postgresql://"),
        Err(error) => bail!("DATABASE_URL is no URL ({error}); in a password write / as %2F, @ as %40 and # as %23"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_address_is_told_without_its_password() {
        check("postgres://me:hunter2@db/house").expect("a good one");
        for wrong in
            ["postgres://me:hunter/2@db:5432/house", "postgress://me:hunter2@db/house", "host=db password=hunter2"]
        {
            let words = check(wrong).expect_err(wrong).to_string();
            assert!(words.contains("DATABASE_URL") && !words.contains("hunter"), "{words}");
        }
    }
}
