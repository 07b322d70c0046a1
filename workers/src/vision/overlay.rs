//! How one photo lies over another: which points of the two are the same, and
//! how the one has to be moved to fit the other.
//!
//! Chance is seeded, so the same two photos give the same answer bit for bit.

mod chance;
mod consensus;
mod fit;
mod pair;

use std::collections::BTreeSet;

use rules::damage::{Layer, Overlay, Transform};

use super::landmark::Landmarks;
use pair::pairs;

/// The number of this way to lay photos over each other. Raise it when the same photos
/// would give another answer: stored overlays name it.
pub const METHOD: u32 = 2;

/// A car and what stands behind it move against each other when it is parked anew,
/// and its front is no plane.
const SURFACES: usize = 3;

/// Points that the first surface must have, and each further one. Two photos that have
/// nothing to do with each other agree on some by chance.
const LEAST_FIRST: usize = 14;
const LEAST_FURTHER: usize = 10;

/// Why two photos could not be laid over each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Apart {
    #[error("one of the photos shows too little to recognise")]
    Featureless,
    #[error("the photos do not show the same view")]
    Unlike,
}

/// Lays the first photo over the second.
///
/// # Errors
/// When no view fits that a person could have taken: the photos show different things.
pub fn lay(of: &Landmarks, onto: &Landmarks) -> Result<Overlay, Apart> {
    let mut pairs = pairs(of, onto);
    if of.points.len().min(onto.points.len()) < LEAST_FIRST {
        return Err(Apart::Featureless);
    }
    let mut layers = Vec::new();
    while layers.len() < SURFACES {
        let Some(surface) = consensus::surface(&pairs, of.size) else { break };
        let points = squares(surface.inliers.iter().map(|pair| pair.of), of.size);
        let least = if layers.is_empty() { LEAST_FIRST } else { LEAST_FURTHER };
        if points.len() < least {
            break;
        }
        layers.push(Layer { transform: shares(&surface.matrix, of.size, onto.size), points });
        pairs = surface.rest;
    }
    if layers.is_empty() { Err(Apart::Unlike) } else { Ok(Overlay { layers }) }
}

/// In the middle of a photo, the least share of its points that the other one shows too when both
/// show the same side of the same car. On drawn cars it is 0.7; two sides before the same hall
/// have a third in common at most, their wheels.
const SAME_VIEW: f64 = 0.45;

/// Whether both photos show the very same view, and not only the same surroundings.
pub fn same_view(of: &Landmarks, onto: &Landmarks, overlay: &Overlay) -> bool {
    let Some(layer) = overlay.layers.first() else { return false };
    let middle = |places: &[[f64; 2]]| places.iter().filter(|place| in_the_middle(place)).count() as f64;
    let all = |landmarks: &Landmarks| {
        let places = landmarks.points.iter().map(|point| (f64::from(point.x), f64::from(point.y)));
        middle(&squares(places, landmarks.size))
    };
    let proven = middle(&layer.points);
    proven >= LEAST_FIRST as f64 && proven >= SAME_VIEW * all(of).min(all(onto))
}

/// Whether one of two photos shows the very same view as the other.
pub fn show_the_same(one: &Landmarks, other: &Landmarks) -> bool {
    let within = |of, onto| lay(of, onto).is_ok_and(|overlay| same_view(of, onto, &overlay));
    within(one, other) || within(other, one)
}

fn in_the_middle([x, y]: &[f64; 2]) -> bool {
    (0.2..=0.8).contains(x) && (0.3..=0.85).contains(y)
}

/// One place for every small square, so that a corner found on several copies counts once. As shares
/// of the photo to three digits, which is all that a proof needs to say.
fn squares(places: impl Iterator<Item = (f64, f64)>, (width, height): (u32, u32)) -> Vec<[f64; 2]> {
    const SQUARE: f64 = 8.0;
    let squares: BTreeSet<_> = places.map(|(x, y)| ((y / SQUARE) as u32, (x / SQUARE) as u32)).collect();
    let share = |at: u32, side: u32| ((f64::from(at) + 0.5) * SQUARE / f64::from(side) * 1000.0).round() / 1000.0;
    squares.into_iter().map(|(y, x)| [share(x, width), share(y, height)]).collect()
}

/// From pixels of the two copies to shares of the two photos.
fn shares(matrix: &[f64; 9], of: (u32, u32), onto: (u32, u32)) -> Transform {
    let across = [f64::from(of.0), f64::from(of.1), 1.0];
    let down = [f64::from(onto.0), f64::from(onto.1), 1.0];
    let scaled: [f64; 9] = std::array::from_fn(|at| matrix[at] * across[at % 3] / down[at / 3]);
    Transform(scaled.map(|value| value / scaled[8]))
}

#[cfg(test)]
mod tests;
