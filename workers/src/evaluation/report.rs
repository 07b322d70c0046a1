use serde::Serialize;

use super::{
    Photo,
    average_precision::average_precision,
    tally::{Tally, recall_at, tally},
};
use crate::vision::detector::ModelIdentity;

/// Averages are in percent, as papers give them; everything else is a share from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub model: ModelIdentity,
    /// Photos with at least one truth, and those on which nothing is marked.
    pub damaged_photos: usize,
    pub clean_photos: usize,
    pub truths: usize,
    /// Mean over the classes that occur, at an overlap of 0.5, in percent.
    pub ap50: f64,
    /// The same, mean over overlaps from 0.5 to 0.95.
    pub ap: f64,
    /// At an overlap of 0.5, every class counting as one: is damage found, whatever it is called?
    pub ap50_any_class: f64,
    /// At the card's score threshold.
    pub threshold: f64,
    /// Share of the truths that are found with the right class.
    pub recall: f64,
    /// Share of the findings that are right.
    pub precision: f64,
    pub recall_at_false_alarms: Vec<RecallAt>,
    /// "Is anything damaged?": share of the damaged photos with a finding.
    pub photo_recall: f64,
    /// Share of the photos with a finding that are damaged.
    pub photo_precision: f64,
    /// Findings per photo that shows no damage; `null` without such photos.
    pub false_alarms_per_negative: Option<f64>,
    /// From the photo's bytes to its findings, mean.
    pub ms_per_photo: f64,
    pub per_class: Vec<ClassReport>,
    /// Categories without a class; their boxes were left out.
    pub unmapped: Vec<String>,
}

/// What is found when so many false alarms per photo are put up with.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecallAt {
    pub false_alarms_per_photo: f64,
    pub recall: f64,
    pub threshold: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassReport {
    pub class: String,
    pub truths: usize,
    /// In percent; `null` when the class occurs nowhere.
    pub ap50: Option<f64>,
    pub ap: Option<f64>,
    pub recall: f64,
    pub false_alarms: usize,
}

/// What the report is made from.
pub(super) struct Scored<'a> {
    pub(super) photos: &'a [Photo],
    pub(super) classes: &'a [String],
    pub(super) threshold: f64,
    pub(super) model: ModelIdentity,
    pub(super) ms_per_photo: f64,
    pub(super) unmapped: Vec<String>,
}

impl Report {
    pub(super) fn new(scored: Scored<'_>) -> Self {
        let Scored { photos, classes, threshold, model, ms_per_photo, unmapped } = scored;
        let all = tally(photos, threshold, None);
        let per_class: Vec<ClassReport> =
            classes.iter().enumerate().map(|(class, name)| class_report(photos, class, name, threshold)).collect();
        Self {
            model,
            damaged_photos: all.damaged,
            clean_photos: all.clean,
            truths: all.truths,
            ap50: mean(per_class.iter().filter_map(|class| class.ap50)),
            ap: mean(per_class.iter().filter_map(|class| class.ap)),
            ap50_any_class: 100.0 * average_precision(&classless(photos), 0, 0.5).unwrap_or_default(),
            threshold,
            recall: share(all.hits, all.truths),
            precision: share(all.hits, all.hits + all.false_alarms),
            recall_at_false_alarms: [0.1, 1.0 / 3.0, 1.0].map(|allowed| recall_at_allowed(photos, allowed)).into(),
            photo_recall: share(all.damaged_alarmed, all.damaged),
            photo_precision: share(all.damaged_alarmed, all.damaged_alarmed + all.clean_alarmed),
            false_alarms_per_negative: (all.clean > 0).then(|| share(all.clean_alarms, all.clean)),
            ms_per_photo,
            per_class,
            unmapped,
        }
    }
}

fn class_report(photos: &[Photo], class: usize, name: &str, threshold: f64) -> ClassReport {
    let Tally { truths, hits, false_alarms, .. } = tally(photos, threshold, Some(class));
    let at = |overlap: f64| average_precision(photos, class, overlap).map(|precision| precision * 100.0);
    ClassReport {
        class: name.to_owned(),
        truths,
        ap50: at(0.5),
        ap: (truths > 0).then(|| mean((0..10).filter_map(|step| at(0.5 + 0.05 * f64::from(step))))),
        recall: share(hits, truths),
        false_alarms,
    }
}

fn recall_at_allowed(photos: &[Photo], allowed: f64) -> RecallAt {
    let (recall, threshold) = recall_at(photos, allowed);
    RecallAt { false_alarms_per_photo: allowed, recall, threshold }
}

/// The same photos with one class only.
fn classless(photos: &[Photo]) -> Vec<Photo> {
    let mut photos = photos.to_vec();
    for photo in &mut photos {
        photo.truths.iter_mut().for_each(|truth| truth.class = 0);
        photo.found.iter_mut().for_each(|found| found.class = 0);
    }
    photos
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}
