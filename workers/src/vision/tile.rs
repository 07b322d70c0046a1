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

/// Whether a tile may report a box of the picture: its longer side is within the tiles' `largest`, and it is not near an edge behind
/// which the picture goes on, where a neighbour shows more of what is around it. How near, half of what the tiles overlap by beyond
/// `largest`, is such that every box of that size is far enough from the edges of one of them.
pub fn may_report(tiles: Tiles, view: View, region: &Region, (width, height): (u32, u32)) -> bool {
    let side = f64::from(tiles.size) * f64::from(width.max(height));
    let across = (region.x * f64::from(width), region.width * f64::from(width));
    let down = (region.y * f64::from(height), region.height * f64::from(height));
    let margin = f64::from(tiles.overlap - tiles.largest) / 2.0 * side;
    across.1.max(down.1) <= f64::from(tiles.largest) * side
        && (margin <= 0.0
            || clear(across, (view.left, view.width), width, margin)
                && clear(down, (view.top, view.height), height, margin))
}

/// Whether what begins at `start` and is `long` keeps the margin from both ends of the view that are none of the picture's.
fn clear((start, long): (f64, f64), (first, length): (u32, u32), picture: u32, margin: f64) -> bool {
    let (first, last) = (first, first + length);
    (first == 0 || start >= f64::from(first) + margin) && (last >= picture || start + long <= f64::from(last) - margin)
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

    const PICTURE: (u32, u32) = (4000, 3000);

    /// A box in pixels of the picture.
    fn region(left: f64, top: f64, width: f64, height: f64) -> Region {
        Region::new(left / 4000.0, top / 3000.0, width / 4000.0, height / 3000.0).unwrap()
    }

    #[test]
    fn a_tile_reports_what_is_small_on_it() {
        let tiles = Tiles { size: 0.5, overlap: 0.2, largest: 0.25 };
        let whole = View { left: 0, top: 0, width: 4000, height: 3000 };
        // A quarter of a tile of 2000 pixels.
        let may = |width, height| may_report(tiles, whole, &region(400.0, 300.0, width, height), PICTURE);
        assert!(may(499.0, 499.0));
        assert!(!may(501.0, 100.0));
        assert!(!may(100.0, 501.0));
    }

    #[test]
    fn a_tile_does_not_report_what_lies_at_an_edge_behind_which_the_picture_goes_on() {
        let tiles = Tiles { size: 0.5, overlap: 0.2, largest: 0.15 };
        let middle = View { left: 1000, top: 0, width: 2000, height: 2000 };
        // A fortieth of a tile of 2000 pixels.
        let may = |left, top| may_report(tiles, middle, &region(left, top, 100.0, 100.0), PICTURE);
        assert!(may(1051.0, 0.0) && may(2849.0, 1849.0));
        assert!(!may(1049.0, 500.0), "left");
        assert!(!may(2851.0, 500.0), "right");
        assert!(!may(2000.0, 1851.0), "bottom");
        let overlapping_no_more = Tiles { largest: 0.2, ..tiles };
        assert!(may_report(overlapping_no_more, middle, &region(1000.0, 0.0, 100.0, 100.0), PICTURE));
    }

    #[test]
    fn whatever_is_small_enough_one_of_the_tiles_reports() {
        let tiles = Tiles { size: 0.5, overlap: 0.2, largest: 0.15 };
        // Two of these tiles overlap by hardly more than they must, two of the others by half.
        let larger = Tiles { size: 0.556, ..tiles };
        for (width, height) in [PICTURE, (4000, 2250), (3000, 4000), (1500, 4000)] {
            for tiles in [tiles, larger] {
                let views = views(width, height, Some(tiles));
                let side = 0.149 * f64::from(tiles.size) * f64::from(width.max(height));
                let (across, down) = (side / f64::from(width), side / f64::from(height));
                for place in 0..10_000 {
                    let (x, y) = (f64::from(place % 100) / 99.0, f64::from(place / 100) / 99.0);
                    let region = Region::new(x * (1.0 - across), y * (1.0 - down), across, down).unwrap();
                    let reports = |view: &View| may_report(tiles, *view, &region, (width, height));
                    assert!(views[1..].iter().any(reports), "{region:?}");
                }
            }
        }
    }

    #[test]
    fn a_tile_larger_than_the_picture_adds_nothing() {
        assert_eq!(views(1600, 1200, Some(Tiles { size: 1.0, overlap: 0.2, largest: 1.0 })).len(), 1);
    }
}
