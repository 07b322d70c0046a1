//! What a photo says about itself. Nobody vouches for it: these are claims.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use exif::{Exif, In, Reader, Tag, Value};
use serde::{Deserialize, Serialize};

/// The parts of a photo's EXIF that are kept beside it, stored as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// The camera's clock when the photo was taken, in the camera's zone.
    pub taken_at: Option<NaiveDateTime>,
    /// The camera's zone in minutes east of UTC, where it says so.
    pub offset_minutes: Option<i32>,
    pub make: Option<String>,
    pub model: Option<String>,
    pub software: Option<String>,
    pub gps: Option<Position>,
}

/// Degrees north and east.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    pub latitude: f64,
    pub longitude: f64,
}

impl Claims {
    /// When the photo was taken, by its own word. A camera that names no zone is
    /// taken to show the time of `zone`, where the car is.
    pub fn taken(&self, zone: Tz) -> Option<DateTime<Utc>> {
        let local = self.taken_at?;
        let camera = self.offset_minutes.and_then(|minutes| FixedOffset::east_opt(minutes * 60));
        let moment = match camera {
            Some(offset) => local.and_local_timezone(offset).earliest()?.to_utc(),
            None => local.and_local_timezone(zone).earliest()?.to_utc(),
        };
        Some(moment)
    }

    /// Reads an EXIF block; one that cannot be read claims nothing.
    pub(super) fn read(exif: Option<Vec<u8>>) -> Self {
        exif.and_then(|block| Reader::new().read_raw(block).ok()).map(|exif| Self::of(&exif)).unwrap_or_default()
    }

    fn of(exif: &Exif) -> Self {
        Self {
            taken_at: text(exif, Tag::DateTimeOriginal).and_then(|text| moment(&text)),
            offset_minutes: text(exif, Tag::OffsetTimeOriginal).and_then(|text| minutes(&text)),
            make: text(exif, Tag::Make),
            model: text(exif, Tag::Model),
            software: text(exif, Tag::Software),
            gps: position(exif),
        }
    }
}

/// The first text of a field, printable characters only, at most 100 of them.
fn text(exif: &Exif, tag: Tag) -> Option<String> {
    let Value::Ascii(lines) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
    let line = String::from_utf8_lossy(lines.first()?);
    let clean: String = line.chars().filter(|letter| !letter.is_control()).take(100).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

fn moment(text: &str) -> Option<NaiveDateTime> {
    let time = exif::DateTime::from_ascii(text.as_bytes()).ok()?;
    NaiveDate::from_ymd_opt(time.year.into(), time.month.into(), time.day.into())?.and_hms_opt(
        time.hour.into(),
        time.minute.into(),
        time.second.into(),
    )
}

/// `+01:30` as minutes.
fn minutes(text: &str) -> Option<i32> {
    let offset: FixedOffset = text.parse().ok()?;
    Some(offset.local_minus_utc() / 60)
}

fn position(exif: &Exif) -> Option<Position> {
    let latitude = degrees(exif, Tag::GPSLatitude, Tag::GPSLatitudeRef, "S")?;
    let longitude = degrees(exif, Tag::GPSLongitude, Tag::GPSLongitudeRef, "W")?;
    let on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    on_earth.then_some(Position { latitude, longitude })
}

fn degrees(exif: &Exif, tag: Tag, reference: Tag, negative: &str) -> Option<f64> {
    let Value::Rational(parts) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
    let [degrees, minutes, seconds] = parts.as_slice() else { return None };
    let size = degrees.to_f64() + minutes.to_f64() / 60.0 + seconds.to_f64() / 3600.0;
    let sign = if text(exif, reference)?.eq_ignore_ascii_case(negative) { -1.0 } else { 1.0 };
    size.is_finite().then_some(sign * size)
}
