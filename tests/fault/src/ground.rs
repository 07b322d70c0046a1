//! The servers that all scenarios of a run stand on, and the database that each starts from.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use dev::{DataDir, Durability, Services, Setup};
use tokio::process::Command;

use crate::{client::Photos, database};

/// Where the programs under test were built.
#[derive(Clone, Debug)]
pub struct Programs {
    /// As they are released.
    pub plain: PathBuf,
    /// With crash points and removable protections; absent when they were not built.
    pub faults: Option<PathBuf>,
}

impl Programs {
    /// Beside this program, and in `faults` beside that folder.
    ///
    /// # Errors
    /// This program's own place cannot be told, or nothing was built there.
    pub fn find() -> Result<Self> {
        let this = std::env::current_exe()?;
        let plain = this.ancestors().skip(1).find(|folder| folder.join("booking").exists());
        let plain = plain.context("the programs are not built; `cargo build --workspace --bins` builds them")?;
        let faults =
            plain.parent().map(|target| target.join("faults")).filter(|folder| folder.join("booking").exists());
        Ok(Self { plain: plain.to_owned(), faults })
    }
}

/// Real servers, as durable as in production.
pub struct Ground {
    pub services: Services,
    pub data_dir: DataDir,
    pub programs: Programs,
    pub photos: Vec<Photos>,
}

const TEMPLATE: &str = "fault_template";
pub const ADMIN: &str = "admin@example.com";
pub const PASSWORD: &str = "a long pass phrase";

impl Ground {
    /// Starts the servers and prepares the database.
    ///
    /// # Errors
    /// A server does not come up, or the migrations fail.
    pub async fn open(programs: Programs) -> Result<Self> {
        let data_dir = DataDir::scratch()?;
        // Full durability: what a crash of the database may cost is part of what is tested.
        let setup = Setup { durability: Durability::Full, ..Setup::for_tests() };
        let services = Services::start(&data_dir, setup).await?;
        let ground = Self { services, data_dir, programs, photos: crate::photos::rounds(4).await? };
        ground.prepare().await?;
        Ok(ground)
    }

    async fn prepare(&self) -> Result<()> {
        let url = self.services.create_database(TEMPLATE, None).await?;
        run(&self.programs.plain, "migration", &["up"], &url).await?;
        run(&self.programs.plain, "api", &["create-admin", "--email", ADMIN], &url).await?;
        let db = database::connect(&url).await?;
        database::watch_jobs(&db).await?;
        // Nobody may be connected to a template.
        Ok(db.close().await?)
    }

    /// A database of one scenario's own.
    ///
    /// # Errors
    /// The name is taken.
    pub async fn database(&self, name: &str) -> Result<()> {
        self.services.create_database(name, Some(TEMPLATE)).await?;
        Ok(())
    }
}

async fn run(programs: &Path, name: &str, args: &[&str], database_url: &str) -> Result<()> {
    let mut command = Command::new(programs.join(name));
    command.args(args).env("DATABASE_URL", database_url).env("ADMIN_PASSWORD", PASSWORD).stdin(Stdio::null());
    let output = command.output().await.with_context(|| name.to_owned())?;
    let said = || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{name} {} failed: {}", args[0], said());
    Ok(())
}
