use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A box in a photo, relative to its size: all from 0 to 1, `x` and `y` the upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Corners")]
#[non_exhaustive]
pub struct Region {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a region has a size and lies within the photo (0 to 1)")]
pub struct RegionRefused;

/// What dividing pixels may miss the edge by.
const ROUNDING: f64 = 1e-6;

impl Region {
    pub fn new(x: f64, y: f64, width: f64, height: f64) -> Result<Self, RegionRefused> {
        let starts_within = |at: f64| (0.0..1.0).contains(&at);
        let ends_within = |at: f64, size: f64| size > 0.0 && at + size <= 1.0 + ROUNDING;
        let sound = starts_within(x) && starts_within(y) && ends_within(x, width) && ends_within(y, height);
        sound.then_some(Self { x, y, width, height }).ok_or(RegionRefused)
    }

    /// The part of the photo it covers.
    pub fn area(&self) -> f64 {
        self.width * self.height
    }

    /// Intersection over union: 0 apart, 1 the same.
    pub fn iou(&self, other: &Self) -> f64 {
        let shared = self.shared(other);
        shared / (self.area() + other.area() - shared)
    }

    /// The box with a margin all around, cut off at the photo's edge.
    pub fn grown(&self, margin: f64) -> Self {
        let span = |at: f64, size: f64| {
            let (from, to) = ((at - margin).max(0.0), (at + size + margin).min(1.0));
            (from, to - from)
        };
        let ((x, width), (y, height)) = (span(self.x, self.width), span(self.y, self.height));
        Self { x, y, width, height }
    }

    fn shared(&self, other: &Self) -> f64 {
        let span = |a: f64, a_size: f64, b: f64, b_size: f64| ((a + a_size).min(b + b_size) - a.max(b)).max(0.0);
        span(self.x, self.width, other.x, other.width) * span(self.y, self.height, other.y, other.height)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Corners {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

impl TryFrom<Corners> for Region {
    type Error = RegionRefused;

    fn try_from(corners: Corners) -> Result<Self, Self::Error> {
        Self::new(corners.x, corners.y, corners.width, corners.height)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        pub(in crate::damage) fn any_region()(
            x in 0.0..0.9, y in 0.0..0.9, width in 0.001..1.0, height in 0.001..1.0,
        ) -> Region {
            Region::new(x, y, f64::min(width, 1.0 - x), f64::min(height, 1.0 - y)).unwrap()
        }
    }

    #[test]
    fn a_region_has_a_size_and_stays_in_the_picture() {
        for (x, y, width, height) in [
            (0.0, 0.0, 0.0, 0.1),
            (0.5, 0.0, 0.6, 0.1),
            (-0.1, 0.0, 0.5, 0.1),
            (f64::NAN, 0.0, 0.5, 0.1),
            (0.0, 0.0, f64::INFINITY, 0.1),
        ] {
            assert_eq!(Region::new(x, y, width, height), Err(RegionRefused));
        }
    }

    #[test]
    fn half_a_box_beside_is_a_third_of_both() {
        let left = Region::new(0.0, 0.0, 0.2, 0.2).unwrap();
        let right = Region::new(0.1, 0.0, 0.2, 0.2).unwrap();
        assert!((left.iou(&right) - 1.0 / 3.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn overlap_is_mutual_and_whole_only_with_itself(a in any_region(), b in any_region()) {
            prop_assert!((a.iou(&b) - b.iou(&a)).abs() < 1e-9);
            prop_assert!((0.0..=1.0 + 1e-9).contains(&a.iou(&b)));
            prop_assert!((a.iou(&a) - 1.0).abs() < 1e-9);
        }
    }
}
