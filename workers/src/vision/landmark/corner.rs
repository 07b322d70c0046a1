use super::grey::Grey;

/// Side of the cells of which each gives its best corners, in pixels, so that a patterned
/// hedge does not take all places.
const CELL: usize = 32;
const PER_CELL: usize = 3;

/// Around a corner, in pixels: gradients are summed over `2 × WINDOW + 1` pixels each way.
const WINDOW: usize = 2;

/// Below this the light changes in one direction only, or it is grain.
const LEAST: f32 = 1_500.0;

/// No corner lies nearer to the edge, because its surroundings could not be described.
pub(super) const MARGIN: usize = 20;

/// The best corners of every part of a picture.
pub(super) fn corners(picture: &Grey) -> Vec<(usize, usize)> {
    let (width, height) = picture.size();
    let (width, height) = (width as usize, height as usize);
    if width <= 2 * MARGIN || height <= 2 * MARGIN {
        return Vec::new();
    }
    let strength = strengths(picture, width, height);
    let mut corners = Vec::new();
    for top in (MARGIN..height - MARGIN).step_by(CELL) {
        for left in (MARGIN..width - MARGIN).step_by(CELL) {
            let (bottom, right) = ((top + CELL).min(height - MARGIN), (left + CELL).min(width - MARGIN));
            let mut best = Vec::new();
            for y in top..bottom {
                for x in left..right {
                    if strength[y * width + x] >= LEAST && is_peak(&strength, width, x, y) {
                        best.push((strength[y * width + x], x, y));
                    }
                }
            }
            // Equals keep the order of reading.
            best.sort_by(|one, other| other.0.total_cmp(&one.0));
            corners.extend(best.iter().take(PER_CELL).map(|&(_, x, y)| (x, y)));
        }
    }
    corners
}

fn is_peak(strength: &[f32], width: usize, x: usize, y: usize) -> bool {
    let here = strength[y * width + x];
    let around = |dy: usize| &strength[(y + dy - 2) * width + x - 2..(y + dy - 2) * width + x + 3];
    // Of equal neighbours the first one counts.
    let before = (0..2).flat_map(around).chain(&around(2)[..2]).all(|&other| other < here);
    before && around(2)[3..].iter().chain((3..5).flat_map(around)).all(|&other| other <= here)
}

/// The smaller eigenvalue of the gradients around every pixel (Shi and Tomasi).
fn strengths(picture: &Grey, width: usize, height: usize) -> Vec<f32> {
    let mut strength = vec![0.0; width * height];
    let mut sums = vec![[0_i32; 3]; width];
    let rows: Vec<Vec<[i32; 3]>> = (0..height).map(|y| products(picture, width, height, y)).collect();
    for y in MARGIN - 2..height - MARGIN + 2 {
        if y == MARGIN - 2 {
            for row in &rows[y - WINDOW..=y + WINDOW] {
                add(&mut sums, row, 1);
            }
        } else {
            add(&mut sums, &rows[y + WINDOW], 1);
            add(&mut sums, &rows[y - WINDOW - 1], -1);
        }
        let mut window = [[0; 3]];
        for sum in &sums[MARGIN - 2 - WINDOW..MARGIN - 2 + WINDOW] {
            add(&mut window, &[*sum], 1);
        }
        for x in MARGIN - 2..width - MARGIN + 2 {
            add(&mut window, &[sums[x + WINDOW]], 1);
            let [xx, yy, xy] = window[0];
            add(&mut window, &[sums[x - WINDOW]], -1);
            let (half, apart) = ((xx + yy) as f32 / 2.0, (xx - yy) as f32 / 2.0);
            strength[y * width + x] = half - (apart * apart + xy as f32 * xy as f32).sqrt();
        }
    }
    strength
}

fn add(sums: &mut [[i32; 3]], row: &[[i32; 3]], sign: i32) {
    for (sum, value) in sums.iter_mut().zip(row) {
        sum[0] += sign * value[0];
        sum[1] += sign * value[1];
        sum[2] += sign * value[2];
    }
}

/// Gradient products (xx, yy, xy) of one row. A gradient is at most 255 each way, so sums of 25 fit.
fn products(picture: &Grey, width: usize, height: usize, y: usize) -> Vec<[i32; 3]> {
    if y == 0 || y + 1 == height {
        return vec![[0; 3]; width];
    }
    let (above, here, below) = (picture.row(y - 1), picture.row(y), picture.row(y + 1));
    let product = |x: usize| {
        if x == 0 || x + 1 == width {
            return [0; 3];
        }
        let across = i32::from(here[x + 1]) - i32::from(here[x - 1]);
        let down = i32::from(below[x]) - i32::from(above[x]);
        [across * across, down * down, across * down]
    };
    (0..width).map(product).collect()
}
