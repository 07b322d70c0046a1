use super::canvas::{Canvas, HEIGHT, Ink, WIDTH, oval, path, rgb, veil};
use super::light::Chance;

/// Paint that another car left behind: a colour that no car, lamp or tree here has.
const RUBBED: [u8; 3] = [216, 18, 196];

/// Paint that a post left behind.
const POST: [u8; 3] = [150, 232, 24];

/// What happened to the car.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wound {
    Scratch,
    Dent,
}

/// Damage, drawn to fill a rectangle: left, top, width and height as shares of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    pub wound: Wound,
    pub x: f32,
    pub y: f32,
    pub w: f32,
    pub h: f32,
}

pub(super) fn draw(canvas: &mut Canvas, mark: &Mark) {
    match mark.wound {
        Wound::Scratch => scratch(canvas, mark),
        Wound::Dent => dent(canvas, mark),
    }
}

/// A few strokes side by side, from the lower left to the upper right.
fn scratch(canvas: &mut Canvas, mark: &Mark) {
    let (left, top, width, height) = frame(mark);
    let mut chance = Chance::new((left * 31.0 + top) as u64);
    for stroke in 0..4 {
        let lane = stroke as f32 / 3.0;
        let y = |share: f32| top + height * (share * 0.55 + lane * 0.45);
        let (start, end) = if stroke % 2 == 0 { (0.0, 0.94) } else { (0.07, 1.0) };
        let bend = chance.between(-0.12, 0.12);
        let curve = format!(
            "M {} {} Q {} {} {} {}",
            left + width * start,
            y(1.0 - start),
            left + width * 0.5,
            y(0.5 + bend),
            left + width * end,
            y(1.0 - end)
        );
        canvas.line(&path(&curve), 8.5, rgb(RUBBED));
        canvas.line(&path(&curve), 2.0, veil(255, 0.35));
    }
}

/// A hollow, dark above and light below, with a trace of paint at its rim.
fn dent(canvas: &mut Canvas, mark: &Mark) {
    let (left, top, width, height) = frame(mark);
    let (x, y) = (left + width / 2.0, top + height / 2.0);
    let (across, down) = (width / 2.0, height / 2.0);
    let hollow = [(0.0, veil(0, 0.5)), (0.7, veil(0, 0.3)), (1.0, veil(0, 0.0))];
    canvas.fill(&oval(x, y, across, down), Ink::around(x, y - down * 0.2, down, across / down, &hollow));
    let light = [(0.0, veil(255, 0.4)), (1.0, veil(255, 0.0))];
    let low = y + down * 0.5;
    canvas.fill(
        &oval(x, low, across * 0.7, down * 0.4),
        Ink::around(x, low, down * 0.4, across * 0.7 / (down * 0.4), &light),
    );
    canvas.line(&oval(x, y, across - 5.0, down - 5.0), 8.5, rgb(POST));
}

fn frame(mark: &Mark) -> (f32, f32, f32, f32) {
    (mark.x * WIDTH, mark.y * HEIGHT, mark.w * WIDTH, mark.h * HEIGHT)
}
