//! Looks for damage on a photo with whatever model the operator has put in place.
//!
//! A detector reports; it decides nothing. When it cannot work it says why, in
//! words, and the return goes on without it.

mod car;
mod contract;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use image::RgbImage;
use jobs::fault;
use ort::inputs;
use ort::session::{RunOptions, Session};
use ort::value::Tensor;
use rules::damage::Region;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::card::{Card, Thresholds, Tiles};
use super::letterbox::{Letterbox, TRANSFORM};
pub use super::runtime::Unavailable;
use super::suppression::{Candidate, suppress};
use super::tile::{View, may_report, views};
use super::{runtime, yolox};
pub use car::CarSeen;
use contract::{check, fits, no_output, output_shape, wrong_shape};

/// How long the model may look at one photo in the worker. Less than the patience of the report, so
/// that a slow model is named as the reason.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How the detector runs on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The ONNX Runtime library; `None`: where `ORT_DYLIB_PATH` says.
    pub runtime: Option<PathBuf>,
    /// Threads that work on one picture, at least 1.
    ///
    /// Sums of floating-point numbers depend on how work is split, so this is
    /// part of the model's identity: the same file, threads and kind of
    /// processor give the same bits.
    pub threads: usize,
    /// How long the model may look at one photo, an empty one when it is loaded included.
    pub patience: Duration,
}

/// A model that is loaded, checked and warm.
pub struct Detector {
    session: Mutex<Session>,
    card: Card,
    identity: ModelIdentity,
    patience: Duration,
    /// The model that knows cars, if the card names one.
    car: Option<Box<Detector>>,
}

/// Everything that must be the same for a result to come out the same again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelIdentity {
    pub name: String,
    /// Of the model file, in hexadecimal.
    pub sha256: String,
    /// Width and height of the input in pixels.
    pub input: [u32; 2],
    pub thresholds: Thresholds,
    pub tiles: Option<Tiles>,
    /// Version of the way from picture to input.
    pub transform: u32,
    pub threads: usize,
    /// The build of ONNX Runtime, in its own words.
    pub runtime: String,
}

/// Something that looks like damage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    pub class: String,
    /// 0 to 1.
    pub score: f64,
    pub region: Region,
}

/// What the model saw on one photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detections {
    /// Findings, from the score threshold on, best first.
    pub boxes: Vec<Detection>,
    /// Everything from the low threshold on, findings included: kept as evidence, and
    /// what must be empty for a car to be released unseen.
    pub raw: Vec<Detection>,
    pub model: ModelIdentity,
    /// Parts of the photo that were looked at: the whole and its tiles.
    pub views: usize,
    /// Wall time in milliseconds, and what of it the model itself took. The only parts that differ from run to run.
    pub millis: u64,
    #[serde(default)]
    pub model_millis: u64,
    /// Whether a car was seen; none when nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub car: Option<CarSeen>,
}

impl Detector {
    /// Loads a model and tries it on an empty picture, so that a model that
    /// cannot work is known before the first return.
    ///
    /// # Errors
    /// The reason in words: a file is missing or broken, the file is not the
    /// card's, the shapes are others, ONNX Runtime is missing, the model is too slow.
    pub fn load(model: &Path, card: &Path, settings: &Settings) -> Result<Self, Unavailable> {
        let mut detector = Self::with_card(model, Card::load(card)?, settings)?;
        detector.car = detector.that_knows_cars(card, settings)?.map(Box::new);
        Ok(detector)
    }

    /// The same with a card that is read already, such as one with other thresholds. It asks no other model about cars.
    ///
    /// # Errors
    /// As [`Detector::load`].
    pub fn with_card(model: &Path, card: Card, settings: &Settings) -> Result<Self, Unavailable> {
        let file = std::fs::read(model).map_err(|error| Unavailable::file("the model file", model, &error))?;
        let sha256 = hex::encode(Sha256::digest(&file));
        if card.sha256.as_ref().is_some_and(|said| !said.eq_ignore_ascii_case(&sha256)) {
            return Err(Unavailable::new("the model file is not the one that its card describes"));
        }

        let session = session(&file, settings)?;
        check(&session, &card)?;
        let identity = identity(&card, sha256, settings);

        let detector = Self { session: Mutex::new(session), card, identity, patience: settings.patience, car: None };
        detector.detect(&RgbImage::new(detector.card.input.width, detector.card.input.height))?;
        Ok(detector)
    }

    /// Looks at an upright photo. One photo at a time: callers wait for each other, and no
    /// longer than their patience.
    ///
    /// # Errors
    /// The reason in words when the model fails on this photo, or is too slow.
    pub fn detect(&self, picture: &RgbImage) -> Result<Detections, Unavailable> {
        let start = Instant::now();
        let until = start + self.patience;
        let views = views(picture.width(), picture.height(), self.card.tiles);
        let (mut candidates, mut in_model) = (Vec::new(), Duration::ZERO);
        for (place, view) in views.iter().enumerate() {
            let (mut found, took) = self.look(picture, *view, until)?;
            in_model += took;
            // The first view is the whole photo.
            if let (1.., Some(tiles)) = (place, self.card.tiles) {
                found.retain(|one| may_report(tiles, *view, &one.region, picture.dimensions()));
            }
            candidates.append(&mut found);
        }
        let kept = suppress(candidates, self.card.thresholds.nms.into());
        let (car, took) = self.car.as_ref().map(|car| car.sureness(picture, until)).transpose()?.unzip();
        in_model += took.unwrap_or_default();

        let raw: Vec<Detection> = kept.iter().map(|candidate| self.named(candidate)).collect();
        let finding = |detection: &&Detection| detection.score >= f64::from(self.card.thresholds.score);
        Ok(Detections {
            boxes: raw.iter().filter(finding).cloned().collect(),
            raw,
            model: self.identity.clone(),
            views: views.len(),
            millis: millis(start.elapsed()),
            model_millis: millis(in_model),
            car,
        })
    }

    /// Pixels of a photo's longer side that the model can make use of: a larger photo shows it no more.
    pub fn long_side(&self) -> u32 {
        let input = self.card.input.width.max(self.card.input.height) as f32;
        let share = self.card.tiles.map_or(1.0, |tiles| tiles.size.min(1.0));
        (input / share).ceil() as u32
    }

    /// The model's card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// What this detector's results depend on.
    pub fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// What the model sees on a part of the photo, and how long it looked.
    fn look(&self, picture: &RgbImage, view: View, until: Instant) -> Result<(Vec<Candidate>, Duration), Unavailable> {
        let input = &self.card.input;
        let letterbox = Letterbox::fit(view, input.width, input.height);
        let (hits, took) = self.run(letterbox.tensor(picture, input), until)?;
        let candidate = |hit: yolox::Hit| {
            let region = letterbox.region(hit.corners, picture.dimensions())?;
            Some(Candidate { class: hit.class, score: hit.score.into(), region })
        };
        Ok((hits.into_iter().filter_map(candidate).collect(), took))
    }

    fn run(&self, tensor: Vec<f32>, until: Instant) -> Result<(Vec<yolox::Hit>, Duration), Unavailable> {
        let failed = |error: ort::Error| match Instant::now() < until {
            true => Unavailable::runtime("the model failed", &error),
            false => Unavailable::slow(self.patience),
        };
        let Card { input, output, .. } = &self.card;
        let shape = [1, 3, input.height as usize, input.width as usize];
        let tensor = Tensor::from_array((shape, tensor)).map_err(failed)?;
        let mut session = self.session.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let options = RunOptions::new().map_err(failed)?;
        let run = || session.run_with_options(inputs![input.name.as_str() => tensor], &options);
        let begun = Instant::now();
        let outputs = ended(&options, until, run).map_err(failed)?;
        let took = begun.elapsed();
        let answer = outputs.get(&output.name).ok_or_else(|| no_output(&self.card))?;
        let (shape, values) = answer.try_extract_tensor::<f32>().map_err(failed)?;
        if !fits(shape, &output_shape(&self.card)) || values.len() != self.card.rows() * self.card.columns() {
            return Err(wrong_shape("output", shape, &output_shape(&self.card)));
        }
        Ok((yolox::hits(values, &self.card)?, took))
    }

    fn named(&self, candidate: &Candidate) -> Detection {
        let class = self.card.classes[candidate.class].clone();
        Detection { class, score: candidate.score, region: candidate.region }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Ends the run that has these options at its next step once `until` has come: a run that nobody waits
/// for any more would hold up those who do.
fn ended<T>(options: &RunOptions, until: Instant, run: impl FnOnce() -> T) -> T {
    let (over, heard) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let left = until.saturating_duration_since(Instant::now());
            let late = heard.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout);
            if late && !fault::removed("slow_is_stopped") {
                let _ = options.terminate();
            }
        });
        let result = run();
        drop(over);
        result
    })
}

fn session(file: &[u8], settings: &Settings) -> Result<Session, Unavailable> {
    let environment = runtime::environment(settings.runtime.as_deref())?;
    let session = || -> ort::Result<Session> {
        Session::builder(&environment)?
            .with_intra_threads(settings.threads.max(1))?
            .with_inter_threads(1)?
            .with_deterministic_compute(true)?
            // Planned ahead, the memory of all looks is one block for good: 454 MB in a process that scores photos of
            // 12 megapixels with the shipped model instead of 302, and not faster.
            .with_memory_pattern(false)?
            .commit_from_memory(file)
    };
    session().map_err(|error| Unavailable::runtime("the model file cannot be loaded", &error))
}

fn identity(card: &Card, sha256: String, settings: &Settings) -> ModelIdentity {
    ModelIdentity {
        name: card.name.clone(),
        sha256,
        input: [card.input.width, card.input.height],
        thresholds: card.thresholds,
        tiles: card.tiles,
        transform: TRANSFORM,
        threads: settings.threads.max(1),
        runtime: ort::info().to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
