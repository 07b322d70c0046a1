use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

/// The folder in which one platform keeps everything it must find again: the
/// database, the bucket, the mails, the secrets, the ports and the logs.
///
/// Only one process at a time may hold it. The hold is a file lock, which the
/// kernel gives back however the process ends, `kill -9` included.
#[derive(Clone)]
pub struct DataDir(Arc<Held>);

struct Held {
    root: PathBuf,
    scratch: bool,
    _lock: File,
}

impl DataDir {
    /// Takes the folder, making it first where it is missing.
    ///
    /// # Errors
    /// Somebody else holds it, or it cannot be written.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        Self::hold(root.as_ref(), false)
    }

    /// A fresh folder under the temporary folder, for tests. It is removed when
    /// the last copy of this value goes; one left over by a process that was
    /// killed is removed by the next call.
    ///
    /// # Errors
    /// The temporary folder cannot be written.
    pub fn scratch() -> Result<Self> {
        sweep_scratch();
        let id = hex::encode(rand::random::<[u8; 4]>());
        Self::hold(&std::env::temp_dir().join(format!("{SCRATCH}{id}")), true)
    }

    fn hold(root: &Path, scratch: bool) -> Result<Self> {
        // Others may pass through, as PostgreSQL's account must, but not look.
        make(root, 0o711)?;
        let root = root.canonicalize()?;
        let lock = lock(&root.join("lock"))?;
        Ok(Self(Arc::new(Held { root, scratch, _lock: lock })))
    }

    /// The absolute path of the whole folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// A path inside, which need not exist.
    #[must_use]
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.root.join(name)
    }

    /// A folder inside that only its owner may enter, made where it is missing.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        make_private(&path)?;
        Ok(path)
    }

    /// Where the process of this name writes what it says.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.path("log").join(format!("{name}.log"))
    }

    /// A short name that only this folder has, for places outside it.
    pub(crate) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.0.root.as_os_str().as_encoded_bytes());
        hex::encode(&digest[..6])
    }

    /// Reads a JSON file written by [`Self::save`]; nothing where there is none.
    pub(crate) fn load<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        match fs::read(self.path(name)) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .with_context(|| format!("{} is not readable", self.path(name).display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a JSON file that only its owner may read.
    pub(crate) fn save<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        write_private(&self.path(name), &serde_json::to_vec_pretty(value)?)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.scratch {
            remove(&self.root);
        }
    }
}

const SCRATCH: &str = "forecourt-scratch-";

/// Writes a file that only its owner may read, whole or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = path.with_extension("part");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)
        .with_context(|| format!("cannot write {}", part.display()))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    Ok(())
}

/// Makes a folder that only its owner may enter.
pub(crate) fn make_private(path: &Path) -> Result<()> {
    make(path, 0o700)
}

fn make(path: &Path, mode: u32) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(mode).create(path);
    made.with_context(|| format!("cannot make {}", path.display()))
}

/// Takes the lock file and leaves the process id in it, for the message that
/// the next one to ask gets.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    // One that is just ending lets go within moments.
    let deadline = Instant::now() + Duration::from_secs(3);
    while file.try_lock().is_err() {
        if Instant::now() < deadline {
            thread::sleep(Duration::from_millis(50));
            continue;
        }
        let mut holder = String::new();
        file.read_to_string(&mut holder)?;
        let folder = path.parent().unwrap_or(path).display();
        bail!("{folder} is in use by process {}: stop that one first, or choose another data folder", holder.trim());
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

/// Removes the scratch folders whose process is gone: their lock is free. One
/// that is just being made may not have its lock yet, so the young ones stay.
fn sweep_scratch() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let ours = entry.file_name().to_string_lossy().starts_with(SCRATCH);
        if ours && is_old_and_free(&path.join("lock")) {
            crate::leftover::stop_all(&path);
            remove(&path);
        }
    }
}

fn is_old_and_free(lock: &Path) -> bool {
    let Ok(file) = File::open(lock) else {
        return false;
    };
    let made = file.metadata().and_then(|facts| facts.modified());
    let age = made.ok().and_then(|made| made.elapsed().ok());
    age.is_some_and(|age| age > Duration::from_secs(60)) && file.try_lock().is_ok()
}

fn remove(root: &Path) {
    if let Ok(elsewhere) = fs::read_link(root.join("postgres")) {
        let _ = fs::remove_dir_all(elsewhere);
    }
    let _ = fs::remove_dir_all(root);
}
