//! Measures how well the comparison tells new damage from known damage, on pairs of
//! photos that are simulated from one: `simulated_pairs FOLDER [PAIRS] [SEED]`.
//!
//! The folder holds `annotations.json` (COCO) and `images/`. The photo as it is stands
//! for the pick-up; the same photo moved, turned, bent, relit and compressed again stands for
//! the return, with damage of another photo pasted onto it. The annotated boxes are taken for
//! detections, so the comparison is measured and not a detector. Real pairs are harder:
//! here the car is as flat as its photo.

mod coco;
mod scene;
mod tally;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use coco::Photo;
use image::RgbImage;
use scene::{Chance, Change};
use tally::Tally;
use workers::vision::{landmark::landmarks, overlay::lay};

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let Some(folder) = words.next().map(PathBuf::from) else { bail!("usage: simulated_pairs FOLDER [PAIRS] [SEED]") };
    let pairs: usize = words.next().map_or(Ok(200), |word| word.parse()).context("PAIRS is a number")?;
    let seed: u64 = words.next().map_or(Ok(1), |word| word.parse()).context("SEED is a number")?;

    let mut chance = Chance::new(seed);
    let mut photos = coco::read(&folder)?;
    chance.shuffle(&mut photos);
    photos.truncate(pairs.max(2));

    let mut tally = Tally::default();
    for (number, photo) in photos.iter().enumerate() {
        let other = &photos[(number + 1) % photos.len()];
        simulate(photo, other, &mut chance, &mut tally)?;
    }
    tally.print();
    Ok(())
}

fn simulate(photo: &Photo, other: &Photo, chance: &mut Chance, tally: &mut Tally) -> Result<()> {
    let (before, foreign) = (read(photo)?, read(other)?);
    let change = Change::any(chance);
    let mut after = change.moved(&before);
    let known = change.carried(&photo.marks);
    let pasted = scene::paste(&mut after, &known, &foreign, &other.marks, chance);
    let after = scene::as_by_another_camera(after, chance)?;

    let (onto, of) = (landmarks(&before), landmarks(&after));
    tally.pair(lay(&of, &onto).ok(), &change, &photo.marks, &known, pasted.as_slice());
    tally.strangers(lay(&landmarks(&foreign), &onto).is_ok(), coco::same_origin(photo, other));
    Ok(())
}

fn read(photo: &Photo) -> Result<RgbImage> {
    let bytes = std::fs::read(&photo.path).with_context(|| format!("cannot read {}", photo.path.display()))?;
    Ok(image::load_from_memory(&bytes)?.into_rgb8())
}
