use super::canvas::{Canvas, path, pill, rgb};

const WIDTH: f32 = 300.0;
const HEIGHT: f32 = 66.0;

/// Letters longer than this do not fit.
const MOST: usize = 10;

/// Draws a plate around a centre. Characters without a shape leave a gap.
pub(super) fn draw(canvas: &mut Canvas, x: f32, y: f32, text: &str) {
    let (left, top) = (x - WIDTH / 2.0, y - HEIGHT / 2.0);
    canvas.fill(&pill(left - 4.0, top - 4.0, WIDTH + 8.0, HEIGHT + 8.0, 10.0), rgb([28, 30, 33]));
    canvas.fill(&pill(left, top, WIDTH, HEIGHT, 7.0), rgb([244, 245, 240]));
    canvas.fill(&pill(left, top, 26.0, HEIGHT, 7.0), rgb([30, 62, 130]));
    let letters: Vec<char> = text.to_uppercase().chars().take(MOST).collect();
    let step = ((WIDTH - 46.0) / letters.len().max(1) as f32).min(36.0);
    let start = x + 13.0 - step * letters.len() as f32 / 2.0;
    for (place, letter) in letters.iter().enumerate() {
        for stroke in strokes(*letter) {
            let at = (start + (place as f32 + 0.14) * step, y - 21.0);
            canvas.line(&path(&scaled(stroke, at, step * 0.72 / 2.0, 42.0 / 4.0)), 5.0, rgb([24, 26, 30]));
        }
    }
}

/// A stroke, written as columns (0–2) and rows (0–4) of a grid, as a path.
fn scaled(stroke: &str, (left, top): (f32, f32), across: f32, down: f32) -> String {
    let points = stroke.as_bytes().chunks_exact(2).map(|point| {
        let [column, row] = [point[0], point[1]].map(|digit| f32::from(digit - b'0'));
        format!("{} {}", left + column * across, top + row * down)
    });
    format!("M {}", points.collect::<Vec<_>>().join(" L "))
}

/// The pen strokes of a character, each a chain of grid points.
fn strokes(letter: char) -> &'static [&'static str] {
    match letter {
        'A' => &["0401102124", "0222"],
        'B' => &["000414231202", "00102112"],
        'C' => &["201001031424"],
        'D' => &["00041423211000"],
        'E' => &["20000424", "0212"],
        'F' => &["200004", "0212"],
        'G' => &["2010010314242212"],
        'H' => &["0004", "2024", "0222"],
        'I' => &["1014"],
        'J' => &["20231403"],
        'K' => &["0004", "200224"],
        'L' => &["000424"],
        'M' => &["0400122024"],
        'N' => &["04002420"],
        'O' | '0' => &["10010314232110"],
        'P' => &["040010211202"],
        'Q' => &["10010314232110", "1324"],
        'R' => &["040010211202", "1224"],
        'S' | '5' => &["20000212231404"],
        'T' => &["0020", "1014"],
        'U' => &["0003142320"],
        'V' => &["001420"],
        'W' => &["0004122420"],
        'X' => &["0024", "2004"],
        'Y' => &["001220", "1214"],
        'Z' => &["00200424"],
        '1' => &["011014"],
        '2' => &["0110210424"],
        '3' => &["002012231404"],
        '4' => &["100323", "2124"],
        '6' => &["2010010314231202"],
        '7' => &["002014"],
        '8' => &["1001122110", "1203142312"],
        '9' => &["2110011222", "21231404"],
        '-' => &["0222"],
        _ => &[],
    }
}
