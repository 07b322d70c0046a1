use super::pair::Pair;

/// Larger or smaller than this, and the photos were not taken from where a person would stand.
const SCALES: std::ops::RangeInclusive<f64> = 0.4..=2.5;

/// Sine of the most that a phone is tilted between two photos of a car.
const MOST_TILT: f64 = 0.5;

/// How much larger one end of the photo may become than the other.
const MOST_BENT: f64 = 2.5;

/// Where a point comes to lie; `None` behind the camera.
pub(super) fn moved(matrix: &[f64; 9], (x, y): (f64, f64)) -> Option<(f64, f64)> {
    let [a, b, c, d, e, f, g, h, i] = matrix;
    let depth = g * x + h * y + i;
    (depth > 1e-6).then(|| ((a * x + b * y + c) / depth, (d * x + e * y + f) / depth))
}

/// Whether a person could have taken both photos: not mirrored, not turned over, not seen edge-on.
pub(super) fn plausible(matrix: &[f64; 9], (width, height): (u32, u32)) -> bool {
    let (width, height) = (f64::from(width), f64::from(height));
    let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)];
    let depth = |(x, y): (f64, f64)| matrix[6] * x + matrix[7] * y + matrix[8];
    let depths = corners.map(depth);
    let (near, far) = depths.iter().fold((f64::INFINITY, 0.0_f64), |(near, far), &at| (near.min(at), far.max(at)));
    if near.is_nan() || near <= 0.0 || far / near > MOST_BENT {
        return false;
    }
    let [Some(one), Some(two), Some(three), Some(four)] = corners.map(|corner| moved(matrix, corner)) else {
        return false;
    };
    let across = |from: (f64, f64), to: (f64, f64)| ((to.0 - from.0) / width, (to.1 - from.1) / width);
    let down = |from: (f64, f64), to: (f64, f64)| ((to.0 - from.0) / height, (to.1 - from.1) / height);
    let level = [across(one, two), across(three, four)].iter().all(|&(along, aside)| upright(along, aside));
    level && [down(one, three), down(two, four)].iter().all(|&(aside, along)| upright(along, aside))
}

/// Whether an edge points roughly where it did, and is roughly as long.
fn upright(along: f64, aside: f64) -> bool {
    let length = along.hypot(aside);
    SCALES.contains(&length) && along > 0.0 && aside.abs() / length <= MOST_TILT
}

/// The best movement without perspective: turned, scaled, sheared, shifted.
pub(super) fn affine(pairs: &[Pair]) -> Option<[f64; 9]> {
    let rows = |pair: &Pair| {
        let ((x, y), (u, v)) = (pair.of, pair.onto);
        [([x, y, 1.0, 0.0, 0.0, 0.0], u), ([0.0, 0.0, 0.0, x, y, 1.0], v)]
    };
    let [a, b, c, d, e, f] = least_squares(pairs.iter().flat_map(rows))?;
    Some([a, b, c, d, e, f, 0.0, 0.0, 1.0])
}

/// The best movement with perspective.
pub(super) fn homography(pairs: &[Pair]) -> Option<[f64; 9]> {
    if pairs.len() < 8 {
        return None;
    }
    // Numbers around one keep the equations solvable.
    const UNIT: f64 = 320.0;
    let rows = |pair: &Pair| {
        let [x, y, u, v] = [pair.of.0, pair.of.1, pair.onto.0, pair.onto.1].map(|value| value / UNIT);
        [([x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y], u), ([0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y], v)]
    };
    let [a, b, c, d, e, f, g, h] = least_squares(pairs.iter().flat_map(rows))?;
    Some([a, b, c * UNIT, d, e, f * UNIT, g / UNIT, h / UNIT, 1.0])
}

/// Solves more equations than unknowns such that the squares of what is left are least.
fn least_squares<const N: usize>(equations: impl Iterator<Item = ([f64; N], f64)>) -> Option<[f64; N]> {
    let mut normal = [[0.0; N]; N];
    let mut right = [0.0; N];
    for (row, value) in equations {
        for ((line, right), own) in normal.iter_mut().zip(&mut right).zip(row) {
            line.iter_mut().zip(row).for_each(|(cell, other)| *cell += own * other);
            *right += own * value;
        }
    }
    solve(normal, right)
}

/// Gauss with pivots; `None` when the equations say too little.
fn solve<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> Option<[f64; N]> {
    for column in 0..N {
        let pivot =
            (column..N).max_by(|&one, &other| matrix[one][column].abs().total_cmp(&matrix[other][column].abs()))?;
        if matrix[pivot][column].abs() < 1e-9 {
            return None;
        }
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..N {
            let factor = matrix[row][column] / matrix[column][column];
            let above = matrix[column];
            matrix[row].iter_mut().zip(above).skip(column).for_each(|(cell, above)| *cell -= factor * above);
            right[row] -= factor * right[column];
        }
    }
    let mut solution = [0.0; N];
    for row in (0..N).rev() {
        let known: f64 = (row + 1..N).map(|k| matrix[row][k] * solution[k]).sum();
        solution[row] = (right[row] - known) / matrix[row][row];
    }
    solution.iter().all(|value| value.is_finite()).then_some(solution)
}
