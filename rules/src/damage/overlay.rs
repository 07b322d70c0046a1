use serde::{Deserialize, Serialize};

use super::Region;

/// Maps places of one photo to places of another, both in shares of width and
/// height: a projective matrix, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transform(pub [f64; 9]);

/// One surface that both photos show, and the points that prove it, on the photo that is laid over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    pub transform: Transform,
    pub points: Vec<[f64; 2]>,
}

/// How one photo lies over another. A car is no plane and rarely stands twice
/// in the same spot, so there may be several layers, the best proven first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overlay {
    pub layers: Vec<Layer>,
}

/// Where a box comes to lie on the other photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// The part that the other photo shows.
    pub region: Region,
    /// How much of the box that is, 0 to 1.
    pub shown: f64,
    /// Points near the box that prove it.
    pub proof: usize,
}

/// How far from a box a point still says something about it, in shares of the photo.
const REACH: f64 = 0.15;

/// Beyond this the box would be seen from behind, or from very far aside.
const MOST_TURNED: f64 = 0.2;

impl Transform {
    pub const IDENTITY: Self = Self([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);

    /// `None` for what would lie behind the camera.
    pub fn point(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        let depth = g * x + h * y + i;
        (depth > MOST_TURNED).then(|| ((a * x + b * y + c) / depth, (d * x + e * y + f) / depth))
    }

    /// The frame around a box's corners on the other photo as left, top, right and bottom, not cut off.
    fn frame(&self, region: &Region) -> Option<[f64; 4]> {
        let (right, bottom) = (region.x + region.width, region.y + region.height);
        let mut frame = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for (x, y) in [(region.x, region.y), (right, region.y), (region.x, bottom), (right, bottom)] {
            let (x, y) = self.point(x, y)?;
            frame = [frame[0].min(x), frame[1].min(y), frame[2].max(x), frame[3].max(y)];
        }
        frame.iter().all(|side| side.is_finite()).then_some(frame)
    }
}

impl Layer {
    fn proof(&self, region: &Region) -> usize {
        let near = |at: f64, start: f64, size: f64| (start - REACH..=start + size + REACH).contains(&at);
        let counts = |[x, y]: &&[f64; 2]| near(*x, region.x, region.width) && near(*y, region.y, region.height);
        self.points.iter().filter(counts).count()
    }
}

impl Overlay {
    /// How many points prove it, all layers together.
    pub fn proof(&self) -> usize {
        self.layers.iter().map(|layer| layer.points.len()).sum()
    }

    /// Where a box lies on the other photo, by the layer that is best proven around it.
    /// `None` when the other photo does not show the place at all.
    pub fn place(&self, region: &Region) -> Option<Placed> {
        let best = self.layers.iter().enumerate().max_by_key(|(rank, layer)| (layer.proof(region), usize::MAX - rank));
        let (_, layer) = best?;
        let [left, top, right, bottom] = layer.transform.frame(region)?;
        let [x, y, end_x, end_y] = [left, top, right, bottom].map(|side| side.clamp(0.0, 1.0));
        let shown = Region::new(x, y, end_x - x, end_y - y).ok()?;
        let whole = (right - left) * (bottom - top);
        Some(Placed { region: shown, shown: (shown.area() / whole).min(1.0), proof: layer.proof(region) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shifted(across: f64, points: &[[f64; 2]]) -> Layer {
        let transform = Transform([1.0, 0.0, across, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        Layer { transform, points: points.to_vec() }
    }

    #[test]
    fn a_box_moves_by_the_layer_that_is_proven_around_it() {
        let background = shifted(0.0, &[[0.1, 0.1], [0.9, 0.1], [0.5, 0.05]]);
        let car = shifted(0.2, &[[0.4, 0.6], [0.6, 0.6]]);
        let overlay = Overlay { layers: vec![background, car] };
        let door = Region::new(0.45, 0.55, 0.1, 0.1).unwrap();
        let placed = overlay.place(&door).unwrap();
        assert!((placed.region.x - 0.65).abs() < 1e-9, "{placed:?}");
        assert_eq!((placed.shown, placed.proof), (1.0, 2));
    }

    #[test]
    fn what_the_other_photo_does_not_show_has_no_place_on_it() {
        let overlay = Overlay { layers: vec![shifted(0.5, &[])] };
        let half = overlay.place(&Region::new(0.45, 0.4, 0.1, 0.1).unwrap()).unwrap();
        assert!((half.shown - 0.5).abs() < 1e-9, "{half:?}");
        assert_eq!(overlay.place(&Region::new(0.6, 0.4, 0.1, 0.1).unwrap()), None);
    }

    #[test]
    fn what_would_lie_behind_the_camera_has_no_place() {
        let horizon = Transform([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -2.0, 0.0, 1.0]);
        assert!(horizon.point(0.1, 0.5).is_some());
        assert_eq!(horizon.point(0.6, 0.5), None);
    }
}
