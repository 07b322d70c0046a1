//! Drawn photos of cars, so that the demo and the tests have pictures that
//! belong to nobody and that differ by seed, plate and damage.
//!
//! The same scene always gives the same bytes.

mod back;
mod backdrop;
mod camera;
mod canvas;
mod front;
mod light;
mod mark;
mod plate;
mod profile;

use canvas::Canvas;

pub use camera::Exif;
pub use mark::{Mark, Wound};

/// Paints that go well with the backdrop.
pub const RED: [u8; 3] = [178, 34, 36];
pub const BLUE: [u8; 3] = [38, 84, 150];
pub const SILVER: [u8; 3] = [176, 182, 188];
pub const WHITE: [u8; 3] = [232, 234, 236];

/// Where the camera stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Front,
    Back,
    Left,
    Right,
}

/// How the camera is held: another view is a photo of the same scene from somewhere else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Nearer above 1. From a tenth of shift or a few degrees on, it takes more than 1 to fill the picture.
    pub zoom: f32,
    /// How far the scene is moved to the right, as a share of the picture.
    pub right: f32,
    /// How far it is moved down, as a share of the picture.
    pub down: f32,
    /// Degrees clockwise.
    pub turn: f32,
}

/// One photo of a car on a forecourt.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    pub side: Side,
    /// Paint of the car, red green blue. The tiny model takes violet and bright
    /// yellow-green for damage.
    pub colour: [u8; 3],
    /// Shown on the front and on the back: letters, digits, spaces and dashes.
    pub plate: String,
    pub marks: Vec<Mark>,
    /// Grain, light and clouds. Another seed is another photo of the same car.
    pub seed: u64,
    /// Too dark to see much.
    pub night: bool,
    pub view: View,
    /// Pixels across; the height is three quarters of it.
    pub width: u32,
    /// What the camera wrote into the file; `None` writes nothing.
    pub exif: Option<Exif>,
}

impl Scene {
    /// An undamaged red car by day, 1600×1200.
    pub fn new(side: Side, seed: u64) -> Self {
        Self {
            side,
            colour: RED,
            plate: "FC 2027".to_owned(),
            marks: Vec::new(),
            seed,
            night: false,
            view: View { zoom: 1.0, right: 0.0, down: 0.0, turn: 0.0 },
            width: 1600,
            exif: None,
        }
    }

    /// The same scene with one more mark.
    #[must_use]
    pub fn with(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    /// The photo as a camera would hand it over.
    pub fn jpeg(&self) -> Vec<u8> {
        let mut pixels = self.draw();
        light::develop(&mut pixels, self.seed, self.night);
        camera::jpeg(pixels, self.width, self.height(), self.exif.as_ref())
    }

    fn height(&self) -> u32 {
        self.width * 3 / 4
    }

    fn draw(&self) -> Vec<u8> {
        let mut canvas = Canvas::new(self.width, self.height(), self.view);
        backdrop::draw(&mut canvas, self.seed);
        match self.side {
            Side::Front => front::draw(&mut canvas, self.colour, &self.plate),
            Side::Back => back::draw(&mut canvas, self.colour, &self.plate),
            Side::Left => profile::draw(&mut canvas, self.colour),
            Side::Right => {
                canvas.mirror();
                profile::draw(&mut canvas, self.colour);
                canvas.mirror();
            }
        }
        for mark in &self.marks {
            mark::draw(&mut canvas, mark);
        }
        canvas.into_rgb()
    }
}
