use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    account::Account,
    data_dir::{self, DataDir},
};

/// Where the database files of this data folder are. Nowhere, if they are in
/// use through another folder, of which this one is a copy.
pub(crate) fn cluster(root: &Path) -> Option<PathBuf> {
    let place = root.join("postgres").canonicalize().ok()?;
    let is_outside = !place.starts_with(root);
    if is_outside && File::open(place.join("lock")).is_ok_and(|lock| lock.try_lock().is_err()) {
        return None;
    }
    Some(place.join("data"))
}

/// Below the folder the server's account is kept out of, its files cannot be:
/// they go here, and the data folder keeps a link.
const ELSEWHERE: &str = "/var/lib/forecourt";

/// The folder that holds the database files, and its lock where it is outside
/// the data folder, which then does not guard it.
pub(super) fn place(data_dir: &DataDir, account: Option<&Account>) -> Result<(PathBuf, Option<File>)> {
    let inside = data_dir.path("postgres");
    let Some(account) = account else {
        data_dir::make_private(&inside)?;
        return Ok((inside.canonicalize()?, None));
    };
    if !inside.is_symlink() {
        data_dir::make_private(&inside)?;
        account.give(&inside)?;
        if account.can_work_in(&inside) {
            return Ok((inside, None));
        }
        // Empty: nobody has been able to work in it.
        fs::remove_dir(&inside).with_context(|| format!("{} cannot be entered", inside.display()))?;
        symlink(Path::new(ELSEWHERE).join(data_dir.fingerprint()), &inside)?;
    }
    let outside = fs::read_link(&inside)?;
    fs::create_dir_all(outside.parent().unwrap_or(&outside))?;
    data_dir::make_private(&outside)?;
    account.give(&outside)?;
    if !account.can_work_in(&outside) {
        bail!("uid {} cannot work in {}", account.uid, outside.display());
    }
    let hold = data_dir::lock(&outside.join("lock"))?;
    Ok((outside.canonicalize()?, Some(hold)))
}
