//! How good a model is, scored through the worker's own code path: the same
//! decoder, tiles, session and suppression that a returned car's photos take.

pub mod annotation;
mod average_precision;
mod report;
mod run;
mod sheet;
mod tally;

pub use report::Report;
pub use run::{Evaluation, Options, evaluate};

/// A box in pixels of its photo, as COCO writes it: left, top, width, height.
pub type PixelBox = [f64; 4];

/// Something that a person marked on a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// The class's place on the model's card.
    pub class: usize,
    pub region: PixelBox,
    /// COCO's `iscrowd`: finding it or not counts neither for nor against.
    pub crowd: bool,
}

/// Something that the model reported on a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub class: usize,
    pub region: PixelBox,
    pub score: f64,
}

/// One photo with what is on it and what the model saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Photo {
    pub truths: Vec<Truth>,
    /// A person marked something that the model has no class for: neither a damaged photo nor a clean one.
    pub unmapped: bool,
    /// Best first.
    pub found: Vec<Found>,
}

/// Intersection over union. With a crowd the union is the found box alone.
fn overlap(found: &PixelBox, truth: &Truth) -> f64 {
    let span = |a: f64, a_size: f64, b: f64, b_size: f64| ((a + a_size).min(b + b_size) - a.max(b)).max(0.0);
    let other = &truth.region;
    let shared = span(found[0], found[2], other[0], other[2]) * span(found[1], found[3], other[1], other[3]);
    let own = found[2] * found[3];
    let union = if truth.crowd { own } else { own + other[2] * other[3] - shared };
    if union > 0.0 { shared / union } else { 0.0 }
}
