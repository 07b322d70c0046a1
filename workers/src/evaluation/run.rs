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
        let decoded =
            |side| decode::upright_however_small(&bytes, side).map_err(|refusal| anyhow::anyhow!(refusal.words));
        let start = Instant::now();
        let seen = decoded(Some(self.detector.long_side()))?;
        let detections = self.detector.detect(&seen).map_err(|unavailable| anyhow::anyhow!(unavailable.reason))?;
        self.spent += start.elapsed();
        // Boxes are annotated in pixels of the whole photo.
        let picture = decoded(None)?;
        let found = detections.raw.iter().map(|detection| self.found(detection, &picture)).collect();
        let id = annotated.as_ref().map(|photo| photo.id);
        let (truths, unmapped) = annotated.map(|photo| (photo.truths, photo.unmapped)).unwrap_or_default();
        let photo = Photo { truths, unmapped, found };
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::vision::{
        card::Card,
        detector::{PATIENCE, Settings, tests::library},
        picture::{Mark, Scene, Side, Wound},
        tiny_model,
    };

    const DENT: Mark = Mark { wound: Wound::Dent, x: 0.24, y: 0.56, w: 0.07, h: 0.09 };
    const SCRATCH: Mark = Mark { wound: Wound::Scratch, x: 0.58, y: 0.58, w: 0.1, h: 0.06 };

    /// A folder with a model, two photos of damage and one of a clean car, gone after the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let folder = Self(std::env::temp_dir().join(format!("forecourt-evaluation-{}", uuid::Uuid::new_v4())));
            for name in ["images", "clean"] {
                fs::create_dir_all(folder.0.join(name)).unwrap();
            }
            let scene = |seed| Scene { width: 1200, ..Scene::new(Side::Left, seed) };
            fs::write(folder.0.join("images/dent.jpg"), scene(1).with(DENT).jpeg()).unwrap();
            fs::write(folder.0.join("images/scratch.jpg"), scene(2).with(SCRATCH).jpeg()).unwrap();
            fs::write(folder.0.join("clean/car.jpg"), scene(3).jpeg()).unwrap();
            folder
        }

        /// Says that `marks` are where they are, by the names that an annotator would use.
        fn annotate(&self, marks: [Mark; 2]) -> Options {
            let bbox = |mark: Mark| [mark.x * 1200.0, mark.y * 900.0, mark.w * 1200.0, mark.h * 900.0];
            let coco = json!({
                "images": [{ "id": 1, "file_name": "dent.jpg" }, { "id": 2, "file_name": "scratch.jpg" }],
                "annotations": [
                    { "image_id": 1, "category_id": 5, "bbox": bbox(marks[0]) },
                    { "image_id": 2, "category_id": 6, "bbox": bbox(marks[1]) },
                ],
                "categories": [{ "id": 5, "name": "dent" }, { "id": 6, "name": "scratch" }],
            });
            fs::write(self.0.join("coco.json"), coco.to_string()).unwrap();
            Options {
                images: self.0.join("images"),
                annotations: self.0.join("coco.json"),
                negatives: Some(self.0.join("clean")),
                out: Some(self.0.join("out")),
            }
        }

        fn score(&self, marks: [Mark; 2]) -> Report {
            let model = self.0.join("damage.onnx");
            fs::write(&model, tiny_model::onnx()).unwrap();
            fs::write(model.with_extension("json"), tiny_model::card(&"0".repeat(64))).unwrap();
            let mut card = Card::load(&model.with_extension("json")).unwrap();
            card.sha256 = None;
            let detector = Detector::with_card(
                &model,
                card,
                &Settings { runtime: Some(library()), threads: 1, patience: PATIENCE },
            )
            .unwrap();
            evaluate(&detector, &self.annotate(marks), |_, _| ()).unwrap().report
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_model_that_finds_everything_has_full_marks() {
        let folder = Folder::new();
        let report = folder.score([DENT, SCRATCH]);
        assert_eq!((report.damaged_photos, report.clean_photos, report.truths), (2, 1, 2));
        assert!((report.ap50 - 100.0).abs() < 1e-9, "{report:?}");
        assert_eq!((report.recall, report.photo_recall, report.photo_precision), (1.0, 1.0, 1.0));
        assert_eq!(report.false_alarms_per_negative, Some(0.0));
        for name in ["detections.json", "truth.json", "sheet.jpg"] {
            assert!(folder.0.join("out").join(name).exists(), "{name}");
        }
    }

    #[test]
    fn photos_too_small_to_be_sent_are_scored() {
        let folder = Folder::new();
        let small = Scene { width: 640, ..Scene::new(Side::Left, 4) };
        fs::write(folder.0.join("clean/small.jpg"), small.jpeg()).unwrap();
        assert_eq!(folder.score([DENT, SCRATCH]).clean_photos, 2);
    }

    #[test]
    fn a_box_beside_the_damage_is_worth_nothing() {
        let aside = |mark: Mark| Mark { y: mark.y - 0.3, ..mark };
        let report = Folder::new().score([aside(DENT), aside(SCRATCH)]);
        assert_eq!((report.ap50, report.recall, report.photo_recall), (0.0, 0.0, 1.0));
    }
}
