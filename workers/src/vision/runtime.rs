//! ONNX Runtime: found and loaded at run time, once per process.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use ort::environment::Environment;

/// Why there is no analysis, in words fit for the admin's mail behind "NOT ANALYSED:".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unavailable {
    pub reason: String,
}

impl Unavailable {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }

    pub(crate) fn slow(patience: Duration) -> Self {
        Self::new(format!("the model took longer than {} seconds", patience.as_secs_f64()))
    }

    /// A file that cannot be read. Its folder is for the log and not for the mail.
    pub(super) fn file(what: &str, path: &Path, error: &std::io::Error) -> Self {
        tracing::warn!(path = %path.display(), %error, "{what} cannot be read");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::new(format!("{what} ({name}) is missing")),
            _ => Self::new(format!("{what} ({name}) cannot be read: {error}")),
        }
    }

    /// What ONNX Runtime said, its first line.
    pub(super) fn runtime(what: &str, error: &dyn std::fmt::Display) -> Self {
        let said = error.to_string();
        tracing::warn!(error = said, "{what}");
        let line: String = said.lines().next().unwrap_or_default().chars().take(200).collect();
        Self::new(format!("{what}: {line}"))
    }
}

/// The environment that sessions live in, once it has been made. A failure is
/// not remembered: the library may be installed while the worker waits.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Loads ONNX Runtime from `library`, or from `ORT_DYLIB_PATH`, or from where the
/// system keeps libraries. The first library that loads serves the whole process.
pub(super) fn environment(library: Option<&Path>) -> Result<Environment, Unavailable> {
    let mut made = ENVIRONMENT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let library = library.map_or_else(from_surroundings, Path::to_path_buf);
    if library.components().count() > 1 && !library.is_file() {
        return Err(missing(&library));
    }
    if let Some(environment) = made.as_ref() {
        return Ok(environment.clone());
    }
    // `ort` panics on a library that lacks what it needs; that is a reason, too.
    let loaded = catch_unwind(|| load(&library)).unwrap_or_else(|_| Err(missing(&library)));
    Ok(made.insert(loaded?).clone())
}

fn load(library: &Path) -> Result<Environment, Unavailable> {
    let builder = ort::init_from(library).map_err(|error| match error {
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            Unavailable::new(format!("ONNX Runtime {version_str} is too old: 1.{} is needed", ort::MINOR_VERSION))
        }
        ort::LoadDynamicError::Dlopen { .. } => missing(library),
        other => Unavailable::runtime("ONNX Runtime cannot be loaded", &other),
    })?;
    builder.build().map_err(|error| Unavailable::runtime("ONNX Runtime cannot be started", &error))
}

fn from_surroundings() -> PathBuf {
    match std::env::var_os("ORT_DYLIB_PATH") {
        Some(path) if !path.is_empty() => path.into(),
        _ => format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX).into(),
    }
}

fn missing(library: &Path) -> Unavailable {
    tracing::warn!(library = %library.display(), "ONNX Runtime cannot be loaded");
    Unavailable::new("ONNX Runtime is not installed where ORT_DYLIB_PATH points, or cannot be loaded from there")
}
