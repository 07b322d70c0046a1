//! The detector of the `damage` pool: loaded when it is first needed, and again when its file changes.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Instant, SystemTime},
};

use platform::settings::Reader;

use crate::vision::{
    card::Card,
    detector::{Detector, PATIENCE, Settings},
    runtime::Unavailable,
};

/// Which model, and how it runs.
#[derive(Clone, Debug, Default)]
pub struct DetectorSettings {
    /// `DAMAGE_MODEL`: the ONNX file; its card lies beside it under the same name with `.json`.
    /// Without the variable it is the project's own, `models/damage.onnx` in the working directory.
    pub model: Option<PathBuf>,
    /// `ORT_DYLIB_PATH`: the ONNX Runtime library.
    pub runtime: Option<PathBuf>,
    /// `DAMAGE_THREADS`: threads that work on one photo.
    pub threads: usize,
}

impl DetectorSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            model: Some(reader.or("DAMAGE_MODEL", PathBuf::from("models/damage.onnx"))),
            runtime: reader.optional("ORT_DYLIB_PATH"),
            threads: reader.within("DAMAGE_THREADS", 1..=256, 1),
        }
    }
}

/// Holds the detector, or will. A failure is not remembered: a file that was missing or
/// broken is tried again with the next photo, so mending it needs no restart.
#[derive(Default)]
pub struct DetectorSlot {
    settings: DetectorSettings,
    loaded: Mutex<Option<Loaded>>,
}

struct Loaded {
    stamp: Stamp,
    detector: Arc<Detector>,
}

/// Time of change and size of each file.
#[derive(PartialEq, Eq)]
struct Stamp(Vec<Option<(SystemTime, u64)>>);

impl Stamp {
    /// Of a model and its card, and of those that the card names.
    fn of(model: &Path, card: &Path) -> Self {
        let mut files = vec![model.to_owned(), card.to_owned()];
        if let Some(other) = Card::load(card).ok().and_then(|it| it.car_card(card)) {
            files.extend([other.with_extension("onnx"), other]);
        }
        let stamp = |file: PathBuf| {
            let about = std::fs::metadata(file).ok()?;
            Some((about.modified().ok()?, about.len()))
        };
        Self(files.into_iter().map(stamp).collect())
    }
}

impl DetectorSlot {
    pub fn new(settings: DetectorSettings) -> Self {
        Self { settings, loaded: Mutex::default() }
    }

    /// What is plainly not there, without loading anything: reports would say NOT ANALYSED, each of them.
    pub fn missing(&self) -> Option<String> {
        let model = self.settings.model.as_ref()?;
        let files = [Some(model), self.settings.runtime.as_ref()];
        let gone = files.into_iter().flatten().find(|file| !file.exists());
        let card = || Card::load(&model.with_extension("json")).err().map(|unavailable| unavailable.reason);
        gone.map(|file| format!("{} is not there", file.display())).or_else(card)
    }

    /// The detector that the files describe now. Blocks for as long as loading takes, [`PATIENCE`] at most.
    ///
    /// # Errors
    /// The reason in words fit for the admin's mail.
    pub fn get(&self) -> Result<Arc<Detector>, Unavailable> {
        let asked = Instant::now();
        let Some(model) = &self.settings.model else {
            return Err(Unavailable { reason: "no model is set up (DAMAGE_MODEL)".to_owned() });
        };
        let card = model.with_extension("json");
        let mut loaded = self.loaded.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let stamp = Stamp::of(model, &card);
        if let Some(loaded) = loaded.as_ref().filter(|loaded| loaded.stamp == stamp) {
            return Ok(loaded.detector.clone());
        }
        // Others have loaded in vain meanwhile: one more attempt would only keep those waiting who come now.
        if asked.elapsed() > PATIENCE {
            return Err(Unavailable::slow(PATIENCE));
        }
        *loaded = None;
        let (runtime, threads) = (self.settings.runtime.clone(), self.settings.threads.max(1));
        let settings = Settings { runtime, threads, patience: PATIENCE };
        let detector = Arc::new(Detector::load(model, &card, &settings)?);
        tracing::info!(model = detector.identity().name, sha256 = detector.identity().sha256, "the model is loaded");
        *loaded = Some(Loaded { stamp, detector: detector.clone() });
        Ok(detector)
    }
}
