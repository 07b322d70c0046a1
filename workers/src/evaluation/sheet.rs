//! Hits, misses and false alarms as one picture, for people who would rather look than read.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage, imageops};

use super::{
    Photo, PixelBox,
    average_precision::{Match, matches},
};

/// Side of one photo on the sheet, in pixels.
const SIDE: u32 = 320;
const COLUMNS: usize = 6;
/// Photos per row of the sheet's three parts: misses, false alarms, hits.
const MOST: usize = 18;

const HIT: Rgb<u8> = Rgb([40, 200, 80]);
const MISS: Rgb<u8> = Rgb([255, 200, 0]);
const FALSE_ALARM: Rgb<u8> = Rgb([230, 40, 40]);

/// Collects the first photos of each kind: with something missed, with a false alarm, with all found.
pub(super) struct Sheet {
    threshold: f64,
    missed: Vec<RgbImage>,
    alarmed: Vec<RgbImage>,
    found: Vec<RgbImage>,
}

impl Sheet {
    pub(super) fn new(threshold: f64) -> Self {
        Self { threshold, missed: Vec::new(), alarmed: Vec::new(), found: Vec::new() }
    }

    pub(super) fn add(&mut self, picture: &RgbImage, photo: &Photo) {
        let mut photo = photo.clone();
        photo.found.retain(|found| found.score >= self.threshold);
        let matched = matches(&photo, 0.5);
        let hit = |place: usize| matched.contains(&Some(Match::Hit(place)));
        let missed = (0..photo.truths.len()).any(|place| !hit(place) && !photo.truths[place].crowd);
        let row = if missed {
            &mut self.missed
        } else if matched.contains(&Some(Match::FalseAlarm)) {
            &mut self.alarmed
        } else if photo.truths.is_empty() {
            return;
        } else {
            &mut self.found
        };
        if row.len() < MOST {
            row.push(drawn(picture, &photo, &matched));
        }
    }

    /// Rows of misses, then of false alarms, then of hits.
    pub(super) fn jpeg(&self) -> anyhow::Result<Vec<u8>> {
        let rows: Vec<&[RgbImage]> =
            [&self.missed, &self.alarmed, &self.found].into_iter().flat_map(|part| part.chunks(COLUMNS)).collect();
        let height = SIDE * u32::try_from(rows.len().max(1))?;
        let mut sheet = RgbImage::from_pixel(SIDE * COLUMNS as u32, height, Rgb([250; 3]));
        for (line, row) in rows.iter().enumerate() {
            for (column, picture) in row.iter().enumerate() {
                imageops::replace(&mut sheet, picture, i64::from(SIDE) * column as i64, i64::from(SIDE) * line as i64);
            }
        }
        let mut bytes = Cursor::new(Vec::new());
        sheet.write_to(&mut bytes, ImageFormat::Jpeg)?;
        Ok(bytes.into_inner())
    }
}

fn drawn(picture: &RgbImage, photo: &Photo, matched: &[Option<Match>]) -> RgbImage {
    let scale = f64::from(SIDE - 8) / f64::from(picture.width().max(picture.height()));
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    let (width, height) = (side(picture.width()), side(picture.height()));
    let mut small = imageops::resize(picture, width, height, imageops::FilterType::Triangle);
    for (place, truth) in photo.truths.iter().enumerate() {
        if !matched.contains(&Some(Match::Hit(place))) {
            frame(&mut small, &truth.region, scale, MISS);
        }
    }
    for (found, matched) in photo.found.iter().zip(matched) {
        let colour = if matches!(matched, Some(Match::FalseAlarm)) { FALSE_ALARM } else { HIT };
        frame(&mut small, &found.region, scale, colour);
    }
    small
}

/// A frame of two pixels, at least six wide so that the tiniest scratch is seen.
fn frame(picture: &mut RgbImage, region: &PixelBox, scale: f64, colour: Rgb<u8>) {
    let edge = |at: f64, most: u32| (at.round().max(0.0) as u32).min(most.saturating_sub(1));
    let (left, top) = (edge(region[0] * scale - 1.0, picture.width()), edge(region[1] * scale - 1.0, picture.height()));
    let right =
        edge((region[0] + region[2]) * scale + 1.0, picture.width()).max(edge(f64::from(left) + 6.0, picture.width()));
    let bottom =
        edge((region[1] + region[3]) * scale + 1.0, picture.height()).max(edge(f64::from(top) + 6.0, picture.height()));
    for x in left..=right {
        for y in top..=bottom {
            if x - left < 2 || right - x < 2 || y - top < 2 || bottom - y < 2 {
                picture.put_pixel(x, y, colour);
            }
        }
    }
}
