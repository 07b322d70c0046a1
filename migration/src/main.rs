//! `migration up` brings `DATABASE_URL` to the newest schema; `migration down` goes one step back.

use anyhow::{Context, bail};
use migration::{Migrator, MigratorTrait};
use sea_orm_migration::sea_orm::Database;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::var("DATABASE_URL").context("DATABASE_URL is not set")?;
    let db = Database::connect(url).await.context("DATABASE_URL does not answer")?;
    match std::env::args().nth(1).as_deref() {
        Some("up") => Migrator::up(&db, None).await?,
        Some("down") => Migrator::down(&db, Some(1)).await?,
        Some("status") => Migrator::status(&db).await?,
        _ => bail!("usage: migration up | down | status"),
    }
    Ok(())
}
