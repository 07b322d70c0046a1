use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Paint, Path, PathBuilder, Pixmap, Point, RadialGradient, Rect,
    Shader, SpreadMode, Stroke, Transform,
};

use super::View;

/// The size that all drawing is thought in, whatever the picture's size is.
pub(super) const WIDTH: f32 = 1600.0;
pub(super) const HEIGHT: f32 = 1200.0;

/// A sheet of 1600×1200 units, scaled to the picture's pixels.
pub(super) struct Canvas {
    pixels: Pixmap,
    transform: Transform,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32, view: View) -> Self {
        let pixels = Pixmap::new(width, height).expect("a picture has pixels and fits into memory");
        let (x, y) = (WIDTH / 2.0, HEIGHT / 2.0);
        let transform = Transform::from_scale(width as f32 / WIDTH, height as f32 / HEIGHT)
            .pre_translate(x + view.right * WIDTH, y + view.down * HEIGHT)
            .pre_concat(Transform::from_rotate(view.turn))
            .pre_scale(view.zoom, view.zoom)
            .pre_translate(-x, -y);
        Self { pixels, transform }
    }

    /// Turns left and right around for what is drawn next.
    pub(super) fn mirror(&mut self) {
        self.transform = self.transform.pre_translate(WIDTH, 0.0).pre_scale(-1.0, 1.0);
    }

    pub(super) fn fill(&mut self, shape: &Path, ink: impl Into<Ink>) {
        self.pixels.fill_path(shape, &ink.into().paint(), FillRule::Winding, self.transform, None);
    }

    pub(super) fn line(&mut self, shape: &Path, width: f32, ink: impl Into<Ink>) {
        let stroke = Stroke {
            width,
            line_cap: tiny_skia::LineCap::Round,
            line_join: tiny_skia::LineJoin::Round,
            ..Stroke::default()
        };
        self.pixels.stroke_path(shape, &ink.into().paint(), &stroke, self.transform, None);
    }

    pub(super) fn into_rgb(self) -> Vec<u8> {
        self.pixels.data().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
    }
}

/// What a shape is filled with.
pub(super) struct Ink(Shader<'static>);

impl Ink {
    /// From one height to another, top to bottom.
    pub(super) fn down(from: f32, to: f32, stops: &[(f32, Color)]) -> Self {
        let shader = LinearGradient::new(
            Point::from_xy(0.0, from),
            Point::from_xy(0.0, to),
            stops.iter().map(|&(at, colour)| GradientStop::new(at, colour)).collect(),
            SpreadMode::Pad,
            Transform::identity(),
        );
        Self(shader.expect("a gradient has two heights"))
    }

    /// From a centre outwards, stretched across by `stretch`.
    pub(super) fn around(x: f32, y: f32, radius: f32, stretch: f32, stops: &[(f32, Color)]) -> Self {
        let shader = RadialGradient::new(
            Point::from_xy(0.0, 0.0),
            0.0,
            Point::from_xy(0.0, 0.0),
            radius,
            stops.iter().map(|&(at, colour)| GradientStop::new(at, colour)).collect(),
            SpreadMode::Pad,
            Transform::from_translate(x, y).pre_scale(stretch, 1.0),
        );
        Self(shader.expect("a gradient has a radius"))
    }

    fn paint(self) -> Paint<'static> {
        Paint { shader: self.0, anti_alias: true, ..Paint::default() }
    }
}

impl From<Color> for Ink {
    fn from(colour: Color) -> Self {
        Self(Shader::SolidColor(colour))
    }
}

pub(super) fn rgb([red, green, blue]: [u8; 3]) -> Color {
    Color::from_rgba8(red, green, blue, 255)
}

/// Grey that lets `alpha` (0–1) of what is below vanish.
pub(super) fn veil(grey: u8, alpha: f32) -> Color {
    Color::from_rgba8(grey, grey, grey, (alpha * 255.0) as u8)
}

/// A paint, lighter (above 1) or darker (below 1).
pub(super) fn shade(colour: [u8; 3], light: f32) -> Color {
    let part = |value: u8| {
        let value = f32::from(value);
        if light > 1.0 { value + (255.0 - value) * (light - 1.0) } else { value * light }
    };
    rgb(colour.map(|value| part(value) as u8))
}

/// A shape from absolute SVG path commands (`M`, `L`, `Q`, `C`, `Z`), separated by blanks.
pub(super) fn path(commands: &str) -> Path {
    let mut words = commands.split_whitespace().peekable();
    let mut builder = PathBuilder::new();
    while let Some(command) = words.next() {
        let mut number = || words.next().and_then(|word| word.parse().ok()).expect("a path is written in numbers");
        match command {
            "M" => builder.move_to(number(), number()),
            "L" => builder.line_to(number(), number()),
            "Q" => builder.quad_to(number(), number(), number(), number()),
            "C" => builder.cubic_to(number(), number(), number(), number(), number(), number()),
            "Z" => builder.close(),
            other => panic!("no such path command: {other}"),
        }
    }
    builder.finish().expect("a shape has an extent")
}

pub(super) fn oval(x: f32, y: f32, across: f32, down: f32) -> Path {
    let frame = Rect::from_xywh(x - across, y - down, 2.0 * across, 2.0 * down).expect("an oval has an extent");
    PathBuilder::from_oval(frame).expect("an oval has an extent")
}

pub(super) fn block(x: f32, y: f32, width: f32, height: f32) -> Path {
    PathBuilder::from_rect(Rect::from_xywh(x, y, width, height).expect("a block has an extent"))
}

/// A rectangle with round corners.
pub(super) fn pill(x: f32, y: f32, width: f32, height: f32, radius: f32) -> Path {
    let (right, bottom, r) = (x + width, y + height, radius.min(width / 2.0).min(height / 2.0));
    let mut builder = PathBuilder::new();
    builder.move_to(x + r, y);
    builder.line_to(right - r, y);
    builder.quad_to(right, y, right, y + r);
    builder.line_to(right, bottom - r);
    builder.quad_to(right, bottom, right - r, bottom);
    builder.line_to(x + r, bottom);
    builder.quad_to(x, bottom, x, bottom - r);
    builder.line_to(x, y + r);
    builder.quad_to(x, y, x + r, y);
    builder.close();
    builder.finish().expect("a block has an extent")
}
