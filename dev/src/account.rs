use std::{
    os::unix::{fs::chown, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use nix::unistd::{User, geteuid};

/// An account of this machine that a program runs as instead of root.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// The account for a program that refuses root; `None` when this process
    /// is not root, and the program can simply run as it is.
    pub(crate) fn instead_of_root() -> Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let found = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .context("PostgreSQL refuses root, and there is no user postgres or nobody")?;
        Ok(Some(Self { uid: found.uid.as_raw(), gid: found.gid.as_raw() }))
    }

    pub(crate) fn give(&self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("cannot give {} to uid {}", path.display(), self.uid))
    }

    /// Tries whether this account can work in the folder. A folder of its own
    /// is no use below one that it may not pass through.
    pub(crate) fn can_work_in(&self, folder: &Path) -> bool {
        let mut attempt = Command::new("/bin/sh");
        attempt.args(["-c", r#"cd -- "$1" && [ -w . ]"#, "sh"]).arg(folder);
        attempt.uid(self.uid).gid(self.gid).current_dir("/");
        attempt.stderr(Stdio::null());
        attempt.status().is_ok_and(|status| status.success())
    }
}
