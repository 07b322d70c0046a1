use crate::vision::landmark::{Landmark, Landmarks};

/// Two landmarks that look alike, in pixels of their copies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) of: (f64, f64),
    pub(super) onto: (f64, f64),
}

/// Of 256 answers about the surroundings, how many may differ.
const MOST_APART: u32 = 72;

/// How much nearer the best must be than the best one elsewhere, so that one of eight equal
/// windows is not taken for another.
const RATIO: f32 = 0.85;

/// What lies nearer than this, in pixels, is the same corner on another copy.
const SAME_CORNER: f32 = 10.0;

/// For every landmark of the one photo the only one on the other that looks like it.
pub(super) fn pairs(of: &Landmarks, onto: &Landmarks) -> Vec<Pair> {
    let mut distances = vec![0; onto.points.len()];
    of.points.iter().filter_map(|landmark| alike(landmark, onto, &mut distances)).collect()
}

fn alike(landmark: &Landmark, onto: &Landmarks, distances: &mut [u32]) -> Option<Pair> {
    for (distance, other) in distances.iter_mut().zip(&onto.points) {
        *distance = landmark.descriptor.distance(&other.descriptor);
    }
    let (at, &nearest) = distances.iter().enumerate().min_by_key(|(_, distance)| **distance)?;
    if nearest > MOST_APART {
        return None;
    }
    let found = &onto.points[at];
    let limit = (nearest as f32 / RATIO) as u32;
    let elsewhere = |other: &Landmark| (other.x - found.x).abs().max((other.y - found.y).abs()) > SAME_CORNER;
    let rival = distances.iter().zip(&onto.points).any(|(distance, other)| *distance <= limit && elsewhere(other));
    let place = |point: &Landmark| (f64::from(point.x), f64::from(point.y));
    (!rival).then(|| Pair { of: place(landmark), onto: place(found) })
}
