use std::fmt::{self, Display, Formatter};

use anyhow::Result;

use crate::{data_dir, platform::Platform, postgres};

/// What the person at the terminal needs to know once everything runs.
pub struct Banner<'a>(&'a Platform);

impl Platform {
    /// The addresses to look at, and how to look into the servers.
    ///
    /// # Errors
    /// The password file that the `psql` line names cannot be written.
    pub fn banner(&self) -> Result<Banner<'_>> {
        if let Some(own) = self.services().postgres() {
            // psql ignores a password file that others may read.
            let line = own.password_line();
            data_dir::write_private(&self.data_dir.path("pgpass"), line.as_bytes())?;
        }
        Ok(Banner(self))
    }
}

impl Display for Banner<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self(platform) = self;
        let services = platform.services();
        let url = platform.url();
        writeln!(out, "\nForecourt is up.\n")?;
        line(out, "front", &url)?;
        line(out, "documents", &format!("{url}/docs"))?;
        if let Some(inbox) = services.inbox() {
            line(out, "mail", inbox.page_url())?;
        }
        line(out, "admin", &admin(platform))?;
        if let Some(own) = services.postgres() {
            let (port, name) = (own.port(), postgres::NAME);
            let file = platform.data_dir.path("pgpass");
            let psql = format!("psql -h 127.0.0.1 -p {port} -U {name} {name}");
            line(out, "psql", &format!("PGPASSFILE={} {psql}", file.display()))?;
        }
        if let Some(own) = services.redis() {
            let file = platform.data_dir.path("redis/password");
            let cli = format!("redis-cli -p {}", own.port());
            line(out, "redis-cli", &format!("REDISCLI_AUTH=$(cat {}) {cli}", file.display()))?;
        }
        line(out, "logs", &platform.data_dir.path("log").display().to_string())?;
        writeln!(out, "\nCtrl-C ends all of it; what it holds is kept for the next start.")
    }
}

fn line(out: &mut Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(out, "  {name:<10} {value}")
}

fn admin(platform: &Platform) -> String {
    let admin = platform.admin();
    match &admin.password {
        Some(password) if admin.password_was_drawn => {
            format!("{}, password {password} (shown only this once)", admin.email)
        }
        _ => admin.email.clone(),
    }
}
