//! Measures how well the comparison tells new damage from known damage, on pairs of
//! photos that are simulated from one: `simulated_pairs FOLDER [PAIRS] [SEED] [MODEL]`.
//!
//! The folder holds `annotations.json` (COCO) and `images/`. The photo as it is stands
//! for the pick-up; the same photo moved, turned, bent, relit and compressed again stands for
//! the return, with damage of another photo pasted onto it. The annotated boxes are taken for
//! detections, so the comparison is measured and not a detector. With a MODEL (`.onnx`, its card beside it)
//! what it finds on the two photos is compared as well. Real pairs are harder: here the car is as flat as its photo.

mod coco;
mod scene;
mod tally;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use coco::Photo;
use image::RgbImage;
use rules::damage::{Class, Detection, Side};
use scene::{Chance, Change};
use tally::Tally;
use workers::vision::{
    detector::{Detector, PATIENCE, Settings},
    landmark::landmarks,
    overlay::lay,
};

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let Some(folder) = words.next().map(PathBuf::from) else {
        bail!("usage: simulated_pairs FOLDER [PAIRS] [SEED] [MODEL]")
    };
    let pairs: usize = words.next().map_or(Ok(200), |word| word.parse()).context("PAIRS is a number")?;
    let seed: u64 = words.next().map_or(Ok(1), |word| word.parse()).context("SEED is a number")?;

    let detector = words.next().map(|model| load(&PathBuf::from(model))).transpose()?;

    let mut chance = Chance::new(seed);
    let mut photos = coco::read(&folder)?;
    chance.shuffle(&mut photos);
    photos.truncate(pairs.max(2));

    let mut tally = Tally::default();
    for (number, photo) in photos.iter().enumerate() {
        let other = &photos[(number + 1) % photos.len()];
        simulate(photo, other, detector.as_ref(), &mut chance, &mut tally)?;
    }
    tally.print();
    Ok(())
}

fn load(model: &Path) -> Result<Detector> {
    let settings = Settings { runtime: None, threads: 1, patience: PATIENCE };
    Ok(Detector::load(model, &model.with_extension("json"), &settings)?)
}

fn simulate(
    photo: &Photo,
    other: &Photo,
    detector: Option<&Detector>,
    chance: &mut Chance,
    tally: &mut Tally,
) -> Result<()> {
    let (before, foreign) = (read(photo)?, read(other)?);
    let change = Change::any(chance);
    let mut after = change.moved(&before);
    let known = change.carried(&photo.marks);
    let pasted = scene::paste(&mut after, &known, &foreign, &other.marks, chance);
    let after = scene::as_by_another_camera(after, chance)?;

    let (onto, of) = (landmarks(&before), landmarks(&after));
    let overlay = lay(&of, &onto).ok();
    if let Some(detector) = detector {
        // As in a report: the slightest box on the pick-up's photo counts, on the return's only findings do.
        let (before, after) = (detector.detect(&before)?.raw, detector.detect(&after)?.boxes);
        tally.seen(overlay.clone(), marks(&before), &marks(&after), &known, pasted.as_slice());
    }
    tally.pair(overlay, &change, &photo.marks, &known, pasted.as_slice());
    tally.strangers(lay(&landmarks(&foreign), &onto).is_ok(), coco::same_origin(photo, other));
    Ok(())
}

fn marks(boxes: &[workers::vision::detector::Detection]) -> Vec<Detection> {
    let mark = |seen: &workers::vision::detector::Detection| Detection {
        side: Side::Left,
        class: seen.class.parse().unwrap_or(Class::Other),
        score: seen.score,
        region: seen.region,
        panel: None,
    };
    boxes.iter().map(mark).collect()
}

fn read(photo: &Photo) -> Result<RgbImage> {
    let bytes = std::fs::read(&photo.path).with_context(|| format!("cannot read {}", photo.path.display()))?;
    Ok(image::load_from_memory(&bytes)?.into_rgb8())
}
