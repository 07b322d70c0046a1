//! Reads boxes out of a YOLOX output.
//!
//! One row per grid cell and stride: centre as an offset from the cell in cells,
//! size as the logarithm of cells, whether there is anything (0–1), and how much
//! it is of each class (0–1).

use super::card::Card;
use super::letterbox::Corners;
use super::runtime::Unavailable;

/// One row that scores, in pixels of the model's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hit {
    pub(super) class: usize,
    pub(super) score: f32,
    pub(super) corners: Corners,
}

/// All rows whose best class scores at least the card's low threshold.
///
/// `output` must hold `card.rows() × card.columns()` values.
pub(super) fn hits(output: &[f32], card: &Card) -> Result<Vec<Hit>, Unavailable> {
    if output.iter().any(|value| !value.is_finite()) {
        return Err(Unavailable::new("the model answered with values that are not numbers"));
    }
    let rows = output.chunks_exact(card.columns());
    let hits = cells(card).zip(rows).map(|(cell, row)| hit(cell, row));
    Ok(hits.filter(|hit| hit.score >= card.thresholds.low).collect())
}

/// Column, row and stride of every grid cell, in the order of the output.
fn cells(card: &Card) -> impl Iterator<Item = (u32, u32, u32)> {
    card.output.strides.iter().flat_map(|&stride| {
        let (columns, rows) = (card.input.width / stride, card.input.height / stride);
        (0..rows).flat_map(move |y| (0..columns).map(move |x| (x, y, stride)))
    })
}

fn hit((column, line, stride): (u32, u32, u32), row: &[f32]) -> Hit {
    let best = row[5..].iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1).then(other.0.cmp(&one.0)));
    let (class, likeness) = best.expect("a card names at least one class");
    let stride = stride as f32;
    let (x, y) = ((row[0] + column as f32) * stride, (row[1] + line as f32) * stride);
    // A box beyond e^10 cells is cut off at the picture's edge anyway.
    let (width, height) = (row[2].min(10.0).exp() * stride, row[3].min(10.0).exp() * stride);
    let corners =
        Corners { left: x - width / 2.0, top: y - height / 2.0, right: x + width / 2.0, bottom: y + height / 2.0 };
    Hit { class, score: row[4] * likeness, corners }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::card::{Input, Layout, Output, Thresholds};

    fn card() -> Card {
        Card {
            name: "two strides".into(),
            layout: Layout::Yolox,
            sha256: None,
            classes: vec!["scratch".into(), "dent".into()],
            input: Input { name: "images".into(), width: 64, height: 32, mean: [0.0; 3], std: [1.0; 3], fill: 114 },
            output: Output { strides: vec![16, 32], ..Output::default() },
            thresholds: Thresholds { low: 0.2, score: 0.5, nms: 0.5 },
            tiles: None,
            categories: [].into(),
            car: None,
        }
    }

    #[test]
    fn a_row_becomes_a_box_at_its_cell() {
        let card = card();
        assert_eq!(card.rows(), 4 * 2 + 2);
        let mut output = vec![0.0; card.rows() * card.columns()];
        // The second cell of the second stride: column 1, line 0, 32 pixels wide.
        let row = 9 * card.columns();
        output[row..row + 7].copy_from_slice(&[0.25, 0.5, 0.0, -std::f32::consts::LN_2, 0.8, 0.1, 0.5]);
        let [hit] = hits(&output, &card).unwrap()[..] else { panic!("one hit") };
        assert_eq!((hit.class, hit.score), (1, 0.4));
        assert_eq!((hit.corners.left, hit.corners.right), (24.0, 56.0));
        assert!((hit.corners.top - 8.0).abs() < 1e-4 && (hit.corners.bottom - 24.0).abs() < 1e-4);
    }

    #[test]
    fn what_is_not_a_number_is_told() {
        let card = card();
        let mut output = vec![0.0; card.rows() * card.columns()];
        output[3] = f32::NAN;
        assert!(hits(&output, &card).unwrap_err().reason.contains("not numbers"));
    }
}
