//! The small photos inside mails: marked with numbered boxes, and never too heavy.

use anyhow::Context;
use image::{ImageFormat, Rgb, RgbImage, imageops};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use view::rental::Region;

use super::digit;

/// The longer side of a picture in a mail, in pixels.
const LONG_SIDE: u32 = 640;

/// Eight of these, in base64 and with the text, stay below a megabyte, beyond
/// which some clients cut a mail off.
pub(super) const HEAVIEST: usize = 60 * 1024;

const QUALITIES: [u8; 5] = [80, 65, 50, 38, 28];

/// A place to point at.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) number: usize,
    pub(super) region: Region,
    pub(super) colour: Colour,
}

/// Told apart by shade as well, for those who see no red.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// Possibly new.
    Red,
    /// Hard to say.
    Amber,
    /// Known already.
    Blue,
}

impl Colour {
    pub(super) fn of(novelty: &str) -> Self {
        match novelty {
            "known" => Self::Blue,
            "uncertain" => Self::Amber,
            _ => Self::Red,
        }
    }

    fn rgb(self) -> Rgb<u8> {
        match self {
            Self::Red => Rgb([196, 30, 45]),
            Self::Amber => Rgb([176, 104, 0]),
            Self::Blue => Rgb([40, 96, 190]),
        }
    }
}

/// The picture for a mail, at most 60 KB.
///
/// # Errors
/// When the small copy is no JPEG.
pub(super) fn marked(copy: &[u8], boxes: &[Frame]) -> anyhow::Result<Vec<u8>> {
    let picture = image::load_from_memory_with_format(copy, ImageFormat::Jpeg).context("the small copy")?;
    if boxes.is_empty() && copy.len() <= HEAVIEST && picture.width().max(picture.height()) <= LONG_SIDE {
        return Ok(copy.to_vec());
    }
    let mut picture = fit(picture.into_rgb8(), LONG_SIDE);
    for frame in boxes {
        draw(&mut picture, frame);
    }
    Ok(light(picture))
}

fn fit(picture: RgbImage, long_side: u32) -> RgbImage {
    let longest = picture.width().max(picture.height());
    if longest <= long_side {
        return picture;
    }
    let side = |pixels: u32| (pixels * long_side / longest).max(1);
    imageops::resize(&picture, side(picture.width()), side(picture.height()), imageops::FilterType::CatmullRom)
}

/// Rougher until it is light enough, then smaller: noise at night does not compress.
fn light(mut picture: RgbImage) -> Vec<u8> {
    loop {
        for quality in QUALITIES {
            let jpeg = encode(&picture, quality);
            if jpeg.len() <= HEAVIEST {
                return jpeg;
            }
        }
        let smaller = picture.width().max(picture.height()) * 3 / 4;
        picture = fit(picture, smaller);
    }
}

fn encode(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let side = |pixels: u32| u16::try_from(pixels).expect("no picture in a mail is wider than 640 pixels");
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder
        .encode(picture.as_raw(), side(picture.width()), side(picture.height()), ColorType::Rgb)
        .expect("writing a non-empty picture to memory cannot fail");
    jpeg
}

const WHITE: Rgb<u8> = Rgb([255, 255, 255]);
const LINE: u32 = 3;
/// Pixels per dot of a digit.
const DOT: u32 = 3;
const PADDING: u32 = 5;

fn draw(picture: &mut RgbImage, frame: &Frame) {
    let (left, top, right, bottom) = corners(picture, &frame.region);
    // White on both sides of the line, so that it shows on paint of any colour.
    for (distance, colour) in [(0, WHITE), (LINE + 1, WHITE)] {
        outline(
            picture,
            (left + distance, top + distance, right.saturating_sub(distance), bottom.saturating_sub(distance)),
            1,
            colour,
        );
    }
    outline(picture, (left + 1, top + 1, right.saturating_sub(1), bottom.saturating_sub(1)), LINE, frame.colour.rgb());
    badge(picture, left, top, frame);
}

/// In whole pixels, at least large enough to be seen, and inside the picture.
fn corners(picture: &RgbImage, region: &Region) -> (u32, u32, u32, u32) {
    let span = |from: f64, length: f64, size: u32| {
        let least = (4 * LINE + 4).min(size - 1);
        let start = ((from.clamp(0.0, 1.0) * f64::from(size)) as u32).saturating_sub(LINE).min(size - 1 - least);
        let end = (((from + length).clamp(0.0, 1.0) * f64::from(size)) as u32).saturating_add(LINE);
        (start, end.clamp(start + least, size - 1))
    };
    let (left, right) = span(region.x, region.width, picture.width());
    let (top, bottom) = span(region.y, region.height, picture.height());
    (left, top, right, bottom)
}

fn outline(picture: &mut RgbImage, (left, top, right, bottom): (u32, u32, u32, u32), line: u32, colour: Rgb<u8>) {
    let inner = |distance: u32| {
        (left + distance, top + distance, right.saturating_sub(distance), bottom.saturating_sub(distance))
    };
    for (left, top, right, bottom) in (0..line).map(inner) {
        for x in left..=right {
            dot(picture, x, top, colour);
            dot(picture, x, bottom, colour);
        }
        for y in top..=bottom {
            dot(picture, left, y, colour);
            dot(picture, right, y, colour);
        }
    }
}

/// The number, above the box where there is room, else in its corner.
fn badge(picture: &mut RgbImage, left: u32, top: u32, frame: &Frame) {
    let width = digit::width(frame.number) * DOT + 2 * PADDING;
    let height = digit::HEIGHT * DOT + 2 * PADDING;
    let left = left.min(picture.width().saturating_sub(width));
    let top = if top >= height { top - height } else { top };
    for (x, y) in (0..width).flat_map(|x| (0..height).map(move |y| (x, y))) {
        dot(picture, left + x, top + y, frame.colour.rgb());
    }
    outline(picture, (left, top, left + width - 1, top + height - 1), 1, WHITE);
    for (x, y) in digit::dots(frame.number) {
        for (dx, dy) in (0..DOT).flat_map(|dx| (0..DOT).map(move |dy| (dx, dy))) {
            dot(picture, left + PADDING + x * DOT + dx, top + PADDING + y * DOT + dy, WHITE);
        }
    }
}

fn dot(picture: &mut RgbImage, x: u32, y: u32, colour: Rgb<u8>) {
    if let Some(pixel) = picture.get_pixel_mut_checked(x, y) {
        *pixel = colour;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(width: u32, height: u32) -> RgbImage {
        let mut seed = 1u32;
        RgbImage::from_fn(width, height, |_, _| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, _] = seed.to_be_bytes();
            Rgb([a, b, c])
        })
    }

    fn frame(x: f64, y: f64, width: f64, height: f64) -> Frame {
        Frame { number: 12, region: Region { x, y, width, height }, colour: Colour::Red }
    }

    #[test]
    fn a_picture_of_pure_noise_becomes_light_enough() {
        let heavy = encode(&noise(640, 480), 95);
        let light = marked(&heavy, &[]).unwrap();
        assert!(heavy.len() > HEAVIEST && light.len() <= HEAVIEST, "{} bytes became {}", heavy.len(), light.len());
    }

    #[test]
    fn a_light_picture_without_boxes_is_not_touched() {
        let copy = encode(&RgbImage::from_pixel(640, 480, Rgb([90, 90, 90])), 80);
        assert_eq!(marked(&copy, &[]).unwrap(), copy);
    }

    #[test]
    fn the_box_is_drawn_where_the_mark_is() {
        let copy = encode(&RgbImage::from_pixel(640, 480, Rgb([90, 90, 90])), 80);
        let picture = marked(&copy, &[frame(0.5, 0.5, 0.25, 0.25)]).unwrap();
        let picture = image::load_from_memory(&picture).unwrap().into_rgb8();
        let red = |x, y| picture.get_pixel(x, y).0[0] > 150 && picture.get_pixel(x, y).0[1] < 90;
        assert!(red(400, 239) && red(482, 300), "the edges");
        assert!(!red(400, 300) && !red(100, 100), "neither inside nor far away");
    }

    #[test]
    fn boxes_at_the_rim_tiny_ones_and_absurd_ones_are_survived() {
        let mut picture = noise(64, 48);
        for (x, y, width, height) in
            [(0.0, 0.0, 1.0, 1.0), (0.99, 0.99, 0.01, 0.01), (-5.0, 2.0, 9.0, f64::NAN), (0.5, 0.5, 0.0, 0.0)]
        {
            draw(&mut picture, &frame(x, y, width, height));
        }
        draw(&mut noise(30, 2), &frame(0.0, 0.0, 1.0, 1.0));
        assert!(marked(b"no picture", &[]).is_err());
    }
}
