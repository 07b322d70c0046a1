use tiny_skia::Color;

use super::canvas::{Canvas, HEIGHT, Ink, WIDTH, block, oval, path, rgb, veil};
use super::light::Chance;

/// Where the ground begins.
const HORIZON: f32 = 640.0;

pub(super) fn draw(canvas: &mut Canvas, seed: u64) {
    let mut chance = Chance::new(seed ^ 0x5EED);
    sky(canvas, &mut chance);
    trees(canvas, &mut chance);
    hall(canvas);
    ground(canvas);
}

fn sky(canvas: &mut Canvas, chance: &mut Chance) {
    let air = [(0.0, rgb([122, 170, 214])), (0.7, rgb([198, 220, 236])), (1.0, rgb([226, 234, 238]))];
    canvas.fill(&block(0.0, 0.0, WIDTH, HORIZON), Ink::down(0.0, HORIZON, &air));
    for _ in 0..4 {
        let (x, y, size) = (chance.between(0.0, WIDTH), chance.between(60.0, 230.0), chance.between(40.0, 70.0));
        for (across, down, puff) in [(0.0, 0.0, 1.0), (-1.3, 0.25, 0.7), (1.2, 0.2, 0.75), (0.5, -0.35, 0.7)] {
            let (x, y, radius) = (x + across * size, y + down * size, size * puff);
            let soft = [(0.0, Color::from_rgba8(255, 255, 255, 190)), (1.0, Color::from_rgba8(255, 255, 255, 0))];
            canvas.fill(&oval(x, y, 2.2 * radius, radius), Ink::around(x, y, radius, 2.2, &soft));
        }
    }
}

fn trees(canvas: &mut Canvas, chance: &mut Chance) {
    for place in 0..26 {
        let x = place as f32 * 66.0 + chance.between(-24.0, 24.0);
        let (y, size) = (HORIZON - chance.between(70.0, 120.0), chance.between(56.0, 84.0));
        let leaf = chance.between(0.85, 1.15);
        let green = rgb([78.0, 104.0, 72.0].map(|value: f32| (value * leaf) as u8));
        canvas.fill(&oval(x, y, size, size * 0.9), green);
        canvas.fill(&oval(x - size * 0.25, y - size * 0.3, size * 0.5, size * 0.4), veil(255, 0.07));
        canvas.fill(&block(x - 70.0, y, 140.0, HORIZON - y), green);
    }
}

/// A low hall with a canopy and a row of windows.
fn hall(canvas: &mut Canvas) {
    let wall = [(0.0, rgb([206, 208, 206])), (1.0, rgb([176, 178, 178]))];
    canvas.fill(&block(180.0, 380.0, 1240.0, 270.0), Ink::down(380.0, 650.0, &wall));
    canvas.fill(&block(150.0, 352.0, 1300.0, 44.0), rgb([62, 74, 90]));
    canvas.fill(&block(150.0, 390.0, 1300.0, 8.0), rgb([226, 164, 62]));
    for window in 0..8 {
        let x = 220.0 + window as f32 * 148.0;
        let glass = [(0.0, rgb([118, 146, 166])), (0.5, rgb([88, 112, 132])), (1.0, rgb([70, 88, 104]))];
        canvas.fill(&block(x, 430.0, 124.0, 210.0), Ink::down(430.0, 640.0, &glass));
        canvas.line(&path(&format!("M {} 430 L {} 640", x + 62.0, x + 62.0)), 4.0, rgb([150, 156, 160]));
        let gleam = format!("M {} 430 L {} 430 L {} 640 L {} 640 Z", x + 14.0, x + 40.0, x + 6.0, x);
        canvas.fill(&path(&gleam), veil(255, 0.12));
    }
}

/// Asphalt with the lines of a bay.
fn ground(canvas: &mut Canvas) {
    let asphalt = [(0.0, rgb([138, 140, 142])), (0.3, rgb([116, 118, 121])), (1.0, rgb([92, 94, 98]))];
    canvas.fill(&block(0.0, HORIZON, WIDTH, HEIGHT - HORIZON), Ink::down(HORIZON, HEIGHT, &asphalt));
    canvas.fill(&block(0.0, HORIZON, WIDTH, 10.0), rgb([168, 168, 164]));
    let paint = veil(236, 0.75);
    for lines in ["M 214 700 L 228 700 L 92 1200 L 52 1200 Z", "M 1372 700 L 1386 700 L 1548 1200 L 1508 1200 Z"] {
        canvas.fill(&path(lines), paint);
    }
    canvas.fill(&path("M 214 700 L 1386 700 L 1388 708 L 212 708 Z"), paint);
}

/// The soft dark under a car, between two ends.
pub(super) fn shadow(canvas: &mut Canvas, left: f32, right: f32, y: f32) {
    let (x, half) = ((left + right) / 2.0, (right - left) / 2.0);
    let dark = [(0.0, veil(8, 0.85)), (0.75, veil(10, 0.6)), (1.0, veil(20, 0.0))];
    canvas.fill(&oval(x, y, half, 46.0), Ink::around(x, y, 46.0, half / 46.0, &dark));
}
