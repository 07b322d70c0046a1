//! The database schema, one step per migration, each written in SQL under `sql/`.
//!
//! Steps go forward in small moves (expand, move, contract), because fronts and
//! workers of the previous release keep running while a step is applied.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{
    prelude::*,
    sea_orm::{DatabaseConnection, TransactionTrait},
};

/// All steps, oldest first.
pub struct Migrator;

/// One step: its name and the two SQL scripts that go forward and back.
struct Step {
    name: &'static str,
    up: &'static str,
    down: &'static str,
}

macro_rules! step {
    ($name:literal) => {
        Box::new(Step {
            name: $name,
            up: include_str!(concat!("../sql/", $name, ".up.sql")),
            down: include_str!(concat!("../sql/", $name, ".down.sql")),
        })
    };
}

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            step!("m20261121_000001_create_job"),
            step!("m20261121_000002_create_account"),
            step!("m20261121_000003_create_booking"),
            step!("m20261121_000004_create_rental_return"),
            step!("m20261121_000005_create_notification"),
            step!("m20261121_000006_create_waitlist"),
        ]
    }
}

/// Takes every step that was not taken.
///
/// # Errors
/// When one fails; those before it stay taken.
pub async fn up(db: &DatabaseConnection) -> Result<(), DbErr> {
    alone(db, Migrator::up(db, None)).await
}

/// Goes one step back.
///
/// # Errors
/// When it cannot be undone.
pub async fn down(db: &DatabaseConnection) -> Result<(), DbErr> {
    alone(db, Migrator::down(db, Some(1))).await
}

/// Of two that change the schema at the same time the second waits, and finds done what it wanted to do.
async fn alone(db: &DatabaseConnection, change: impl Future<Output = Result<(), DbErr>>) -> Result<(), DbErr> {
    let lock = db.begin().await?;
    lock.execute_unprepared("select pg_advisory_xact_lock(hashtext('the schema of Forecourt'))").await?;
    change.await?;
    lock.commit().await
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(self.up).await.map(|_| ())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(self.down).await.map(|_| ())
    }
}
