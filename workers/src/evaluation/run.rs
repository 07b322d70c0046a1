//! Shows every photo to the model and scores what it says.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use image::RgbImage;
use serde_json::json;

use super::{
    Found, Photo, Report,
    annotation::{Annotated, Annotations, Classes, read},
    report::Scored,
    sheet::Sheet,
};
use crate::vision::{
    decode,
    detector::{Detection, Detector},
};

/// What is scored.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that the annotations' file names are in.
    pub images: PathBuf,
    /// COCO JSON.
    pub annotations: PathBuf,
    /// A folder with photos on which there is no damage.
    pub negatives: Option<PathBuf>,
    /// Where `detections.json`, `truth.json` and `sheet.jpg` go.
    pub out: Option<PathBuf>,
}

/// The result of a run.
pub struct Evaluation {
    pub report: Report,
}

struct Run<'a> {
    detector: &'a Detector,
    scored: Vec<Photo>,
    ids: Vec<u64>,
    sheet: Sheet,
    spent: Duration,
}

/// Scores a detector whose card was loaded with a `low` threshold that lets weak boxes through.
///
/// # Errors
/// When a file cannot be read, a photo cannot be decoded, or the model fails on one.
pub fn evaluate(
    detector: &Detector,
    options: &Options,
    mut progress: impl FnMut(usize, usize),
) -> anyhow::Result<Evaluation> {
    let card = detector.card();
    let classes = Classes { names: &card.classes, categories: &card.categories };
    let Annotations { photos, unmapped } = read(&options.annotations, &classes)?;
    let negatives = options.negatives.as_deref().map(pictures).transpose()?.unwrap_or_default();
    let all = photos.len() + negatives.len();
    if all == 0 {
        bail!("there are no photos to score");
    }

    let threshold = f64::from(card.thresholds.score);
    let mut run =
        Run { detector, scored: Vec::new(), ids: Vec::new(), sheet: Sheet::new(threshold), spent: Duration::ZERO };
    let clean = negatives.into_iter().map(|path| (path, None));
    let marked = photos.into_iter().map(|photo| (options.images.join(&photo.file_name), Some(photo)));
    for (done, (path, annotated)) in marked.chain(clean).enumerate() {
        run.score(&path, annotated).with_context(|| path.display().to_string())?;
        progress(done + 1, all);
    }

    if let Some(out) = &options.out {
        run.write(out)?;
    }
    let report = Report::new(Scored {
        photos: &run.scored,
        classes: &card.classes,
        threshold,
        model: detector.identity().clone(),
        ms_per_photo: run.spent.as_secs_f64() * 1000.0 / all as f64,
        unmapped: unmapped.into_iter().collect(),
    });
    Ok(Evaluation { report })
}

/// The pictures of a folder, by name.
fn pictures(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    let picture = |file: &PathBuf| {
        let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        matches!(ending.as_str(), "jpg" | "jpeg" | "png" | "webp")
    };
    files.retain(picture);
    files.sort();
    Ok(files)
}

impl Run<'_> {
    fn score(&mut self, path: &Path, annotated: Option<Annotated>) -> anyhow::Result<()> {
        let bytes = std::fs::read(path)?;
        let start = Instant::now();
        let picture = decode::upright(&bytes).map_err(|refusal| anyhow::anyhow!(refusal.words))?;
        let detections = self.detector.detect(&picture).map_err(|unavailable| anyhow::anyhow!(unavailable.reason))?;
        self.spent += start.elapsed();
        let found = detections.raw.iter().map(|detection| self.found(detection, &picture)).collect();
        let (id, truths) = annotated.map_or((None, Vec::new()), |photo| (Some(photo.id), photo.truths));
        let photo = Photo { truths, found };
        self.sheet.add(&picture, &photo);
        self.scored.push(photo);
        self.ids.push(id.unwrap_or_else(|| self.ids.iter().max().map_or(0, |id| id + 1)));
        Ok(())
    }

    fn found(&self, detection: &Detection, picture: &RgbImage) -> Found {
        let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
        let region = detection.region;
        Found {
            class: self.detector.card().classes.iter().position(|class| *class == detection.class).unwrap_or_default(),
            region: [region.x * width, region.y * height, region.width * width, region.height * height],
            score: detection.score,
        }
    }

    /// The files that pycocotools reads, and the picture sheet.
    fn write(&self, out: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(out)?;
        let photos = || self.ids.iter().zip(&self.scored);
        let detections: Vec<_> = photos()
            .flat_map(|(id, photo)| photo.found.iter().map(move |found| (id, found)))
            .map(|(id, found)| {
                json!({ "image_id": id, "category_id": found.class, "bbox": found.region, "score": found.score })
            })
            .collect();
        let truths = photos().flat_map(|(id, photo)| photo.truths.iter().map(move |truth| (id, truth)));
        let annotations: Vec<_> = truths
            .enumerate()
            .map(|(place, (id, truth))| {
                json!({ "id": place + 1, "image_id": id, "category_id": truth.class, "bbox": truth.region,
                        "area": truth.region[2] * truth.region[3], "iscrowd": u8::from(truth.crowd) })
            })
            .collect();
        let categories = self.detector.card().classes.iter().enumerate();
        let categories: Vec<_> = categories.map(|(id, name)| json!({ "id": id, "name": name })).collect();
        let images: Vec<_> = self.ids.iter().map(|id| json!({ "id": id })).collect();
        let truth = json!({ "images": images, "annotations": annotations, "categories": categories });
        std::fs::write(out.join("detections.json"), serde_json::to_vec(&detections)?)?;
        std::fs::write(out.join("truth.json"), serde_json::to_vec(&truth)?)?;
        std::fs::write(out.join("sheet.jpg"), self.sheet.jpeg()?)?;
        Ok(())
    }
}
