//! Which parts of a picture are shown to the model.
//!
//! Damage is tiny on a whole car; a tile shows it larger.

use rules::damage::Region;

use super::card::Tiles;

/// A part of a picture, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

/// The whole picture, then a grid of square tiles that covers it, row by row.
pub fn views(width: u32, height: u32, tiles: Option<Tiles>) -> Vec<View> {
    let mut views = vec![View { left: 0, top: 0, width, height }];
    let Some(tiles) = tiles else { return views };
    let side = (tiles.size * width.max(height) as f32).round() as u32;
    if side == 0 || (side >= width && side >= height) {
        return views;
    }
    for top in starts(height, side, tiles.overlap) {
        for left in starts(width, side, tiles.overlap) {
            views.push(View { left, top, width: side.min(width), height: side.min(height) });
        }
    }
    views
}

/// Whether a tile may report a box: its longer side is within the tiles' `largest`.
pub fn may_report(tiles: Tiles, region: &Region, width: u32, height: u32) -> bool {
    let longer = (region.width * f64::from(width)).max(region.height * f64::from(height));
    longer <= f64::from(tiles.largest * tiles.size) * f64::from(width.max(height))
}

/// Evenly spread starts, such that the first tile begins at 0 and the last ends at `length`.
fn starts(length: u32, side: u32, overlap: f32) -> impl Iterator<Item = u32> {
    let room = length.saturating_sub(side);
    let step = (side as f32 * (1.0 - overlap)).max(1.0);
    let gaps = (room as f32 / step).ceil() as u32;
    (0..=gaps).map(move |gap| if gaps == 0 { 0 } else { (u64::from(room) * u64::from(gap) / u64::from(gaps)) as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tiles_the_whole_picture_is_looked_at_once() {
        assert_eq!(views(4000, 3000, None), [View { left: 0, top: 0, width: 4000, height: 3000 }]);
    }

    #[test]
    fn tiles_cover_the_picture_and_overlap() {
        let views = views(4000, 3000, Some(Tiles { size: 0.5, overlap: 0.2, largest: 1.0 }));
        assert_eq!(views.len(), 1 + 3 * 2);
        let row: Vec<_> = views[1..4].iter().map(|view| (view.left, view.width)).collect();
        assert_eq!(row, [(0, 2000), (1000, 2000), (2000, 2000)]);
        let last = views.last().unwrap();
        assert_eq!((last.left + last.width, last.top + last.height), (4000, 3000));
    }

    #[test]
    fn a_tile_reports_what_is_small_on_it() {
        let tiles = Tiles { size: 0.5, overlap: 0.2, largest: 0.25 };
        // A quarter of a tile of 2000 pixels.
        let may = |width: f64, height: f64| {
            may_report(tiles, &Region::new(0.1, 0.1, width / 4000.0, height / 3000.0).unwrap(), 4000, 3000)
        };
        assert!(may(499.0, 499.0));
        assert!(!may(501.0, 100.0));
        assert!(!may(100.0, 501.0));
    }

    #[test]
    fn a_tile_larger_than_the_picture_adds_nothing() {
        assert_eq!(views(1600, 1200, Some(Tiles { size: 1.0, overlap: 0.2, largest: 1.0 })).len(), 1);
    }
}
