//! The points by which a photo is recognised: corners, and what is around each.
//!
//! Whole numbers and sums in a fixed order: the same pixels give the same
//! landmarks, bit for bit.

mod corner;
mod describe;
mod grey;

use image::RgbImage;

pub use describe::Descriptor;
use grey::Grey;

/// Pixels of the longer side on which corners are sought.
pub const LONG_SIDE: u32 = 640;

/// Copies of the picture, each a fifth smaller than the one before: what was photographed
/// from nearer or farther is found on one of the others.
const LEVELS: u32 = 5;

/// A corner, in pixels of the largest copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Landmark {
    pub x: f32,
    pub y: f32,
    pub descriptor: Descriptor,
}

/// The landmarks of one photo. Some 60 KB.
#[derive(Clone, Debug, PartialEq)]
pub struct Landmarks {
    /// Width and height of the copy that they were sought on.
    pub size: (u32, u32),
    pub points: Vec<Landmark>,
}

/// Finds the landmarks of an upright picture.
///
/// A picture whose longer side has [`LONG_SIDE`] pixels shows as much as a larger one. Takes some 20 ms and 4 MB of its own for 12 megapixels.
pub fn landmarks(picture: &RgbImage) -> Landmarks {
    let mut copy = Grey::shrunk(picture, LONG_SIDE);
    let size = copy.size();
    let mut points = Vec::new();
    for _ in 0..LEVELS {
        let scale = size.0 as f32 / copy.size().0 as f32;
        let smooth = copy.smoothed();
        for (x, y) in corner::corners(&copy) {
            let Some(descriptor) = describe::describe(&smooth, x, y) else { continue };
            points.push(Landmark { x: (x as f32 + 0.5) * scale, y: (y as f32 + 0.5) * scale, descriptor });
        }
        copy = copy.fifth_smaller();
    }
    Landmarks { size, points }
}

#[cfg(test)]
mod tests;
