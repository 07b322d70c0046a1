use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The oldest PostgreSQL that the migrations are written for.
const OLDEST: u32 = 15;

/// The server programs of one PostgreSQL version on this machine.
pub(super) struct Installation {
    bin: PathBuf,
    major: u32,
}

impl Installation {
    /// The version that made the given database files, or the newest for a
    /// folder that has none.
    pub(super) fn fitting(data: &Path) -> Result<Self> {
        let made_by = match fs::read_to_string(data.join("PG_VERSION")) {
            Ok(version) => Some(version.trim().parse()?),
            Err(_) => None,
        };
        let mut found = Self::all();
        found.retain(|one| made_by.is_none_or(|major: u32| major == one.major));
        let newest = found.into_iter().max_by_key(|one| one.major);
        let wanted = made_by.map_or(format!("{OLDEST} or newer"), |major| major.to_string());
        let chosen =
            newest.with_context(|| format!("PostgreSQL {wanted} is not installed (Debian package: postgresql)"))?;
        if chosen.major < OLDEST {
            let Self { bin, major } = chosen;
            bail!("{} has PostgreSQL {major}; {OLDEST} is needed", bin.display());
        }
        Ok(chosen)
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Debian keeps the server programs off the `PATH`, one folder per version.
    fn all() -> Vec<Self> {
        let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let debian = debian.flatten().map(|version| version.path().join("bin"));
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = debian.chain(env::split_paths(&path)).collect();
        folders.into_iter().filter_map(Self::in_folder).collect()
    }

    fn in_folder(bin: PathBuf) -> Option<Self> {
        if !bin.join("initdb").exists() {
            return None;
        }
        let output = Command::new(bin.join("postgres")).arg("--version").output();
        let said = String::from_utf8(output.ok()?.stdout).ok()?;
        let major = said.split(|c: char| !c.is_ascii_digit()).find(|word| !word.is_empty())?;
        let major = major.parse().ok()?;
        Some(Self { bin, major })
    }
}
