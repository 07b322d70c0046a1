//! The card beside a model file: what goes in, what comes out, and from which
//! score on it counts. `models/README.md` describes it for those who write one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::runtime::Unavailable;

/// A model's card, as in `models/damage.json`. Fields that are not named here
/// (training data, date, figures) are for people and are skipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    pub name: String,
    pub layout: Layout,
    /// Of the model file, in hexadecimal. Where given, another file is not loaded.
    pub sha256: Option<String>,
    /// In the order of the output's columns.
    pub classes: Vec<String>,
    pub input: Input,
    #[serde(default)]
    pub output: Output,
    pub thresholds: Thresholds,
    #[serde(default)]
    pub tiles: Option<Tiles>,
    /// Names that annotations use, and the class each one means.
    #[serde(default)]
    pub categories: BTreeMap<String, String>,
    /// The card, beside this one, of a model that knows cars: it tells whether a photo shows one at all.
    #[serde(default)]
    pub car: Option<PathBuf>,
}

/// How the output is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    Yolox,
}

/// The picture that the model wants: `1×3×height×width`, RGB, each value
/// `(v / 255 − mean) / std`, scaled into the top left corner, the rest filled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    #[serde(default = "images")]
    pub name: String,
    pub width: u32,
    pub height: u32,
    pub mean: [f32; 3],
    pub std: [f32; 3],
    /// Grey value (0–255) around the picture.
    #[serde(default = "grey")]
    pub fill: u8,
}

/// Where the boxes come out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Output {
    pub name: String,
    /// Pixels per grid cell, in the order of the output's rows.
    pub strides: Vec<u32>,
}

/// Scores and overlaps between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// From here on a box is kept as evidence and speaks against releasing the car unseen.
    pub low: f32,
    /// From here on a box is a finding.
    pub score: f32,
    /// Of two boxes of a class that overlap more than this (intersection over union), the weaker is dropped.
    pub nms: f32,
}

/// Square pieces of the picture that are looked at besides the whole.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tiles {
    /// Side, as a share of the picture's longer side.
    pub size: f32,
    /// Least overlap of neighbours, as a share of their side.
    pub overlap: f32,
    /// Longest side of a box that a tile may report, as a share of the tile's. What is larger is cut off by
    /// a tile's edge or torn out of its surroundings; the whole photo shows it better.
    #[serde(default = "any")]
    pub largest: f32,
}

impl Default for Output {
    fn default() -> Self {
        Self { name: "output".to_owned(), strides: vec![8, 16, 32] }
    }
}

impl Card {
    /// Reads and checks a card.
    ///
    /// # Errors
    /// The reason in words: no such file, not JSON, or which value cannot be right.
    pub fn load(path: &Path) -> Result<Self, Unavailable> {
        let text = std::fs::read(path).map_err(|error| Unavailable::file("the model's card", path, &error))?;
        let card: Self = serde_json::from_slice(&text)
            .map_err(|error| Unavailable::new(format!("the model's card cannot be read: {error}")))?;
        card.check().map_err(|wrong| Unavailable::new(format!("the model's card is wrong: {wrong}")))?;
        Ok(card)
    }

    /// Where the card of the model that knows cars lies, when this one lies at `path`.
    pub(crate) fn car_card(&self, path: &Path) -> Option<PathBuf> {
        self.car.as_ref().map(|name| path.with_file_name(name))
    }

    /// Rows of the output: one per grid cell of every stride.
    pub(super) fn rows(&self) -> usize {
        let cells = |stride: u32| (self.input.width / stride) as usize * (self.input.height / stride) as usize;
        self.output.strides.iter().map(|&stride| cells(stride)).sum()
    }

    /// Columns of the output: a box, whether there is anything, and one score per class.
    pub(super) fn columns(&self) -> usize {
        5 + self.classes.len()
    }

    fn check(&self) -> Result<(), &'static str> {
        let Input { width, height, mean, std, .. } = &self.input;
        let sides = [*width, *height];
        let share = |value: f32| (0.0..=1.0).contains(&value);
        let Thresholds { low, score, nms } = self.thresholds;
        let tiles = |Tiles { size, overlap, largest }: Tiles| {
            (0.1..=1.0).contains(&size) && (0.0..=0.8).contains(&overlap) && (0.0..=1.0).contains(&largest)
        };
        let checks = [
            (!self.classes.is_empty(), "it names no classes"),
            (sides.iter().all(|side| (32..=4096).contains(side)), "the input is not 32 to 4096 pixels wide and high"),
            (!self.output.strides.is_empty() && !self.output.strides.contains(&0), "it names no strides"),
            (
                self.output.strides.iter().all(|&stride| stride > 0 && sides.iter().all(|side| side % stride == 0)),
                "the input's sides are not multiples of the strides",
            ),
            (std.iter().all(|&value| value.is_finite() && value > 0.0), "std must be above 0"),
            (mean.iter().all(|value| value.is_finite()), "mean must be numbers"),
            (share(low) && share(score) && share(nms), "thresholds must lie between 0 and 1"),
            (low <= score, "the low threshold is above the score threshold"),
            (
                self.tiles.is_none_or(tiles),
                "tiles need a size of 0.1 to 1, an overlap of 0 to 0.8 and largest boxes of 0 to 1",
            ),
            (self.categories.values().all(|class| self.classes.contains(class)), "a category means an unknown class"),
        ];
        checks.into_iter().find(|(right, _)| !right).map_or(Ok(()), |(_, wrong)| Err(wrong))
    }
}

fn images() -> String {
    "images".to_owned()
}

fn grey() -> u8 {
    114
}

fn any() -> f32 {
    1.0
}
