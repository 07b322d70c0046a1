use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Field, In, Rational, Tag, Value};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// What a phone writes into a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Exif {
    /// How the stored pixels must be turned to be upright, 1 to 8. The file holds
    /// them turned the other way, so every orientation shows the same scene.
    pub orientation: u16,
    /// Degrees north and east.
    pub position: Option<(f64, f64)>,
    /// As cameras write it: `2027:03:01 17:42:10`.
    pub taken_at: Option<String>,
}

pub(super) fn jpeg(pixels: Vec<u8>, width: u32, height: u32, exif: Option<&Exif>) -> Vec<u8> {
    let orientation = exif.map_or(1, |exif| exif.orientation);
    let (pixels, width, height) = stored(pixels, width as usize, height as usize, orientation);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 88);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    if let Some(exif) = exif {
        encoder.add_exif_metadata(&block(exif)).expect("the block is far below 64 KB");
    }
    let side = |pixels: usize| u16::try_from(pixels).expect("a JPEG has at most 65,535 pixels a side");
    encoder
        .encode(&pixels, side(width), side(height), ColorType::Rgb)
        .expect("writing a picture to memory cannot fail");
    bytes
}

/// The pixels as a camera held in the other way would have stored them.
fn stored(pixels: Vec<u8>, width: usize, height: usize, orientation: u16) -> (Vec<u8>, usize, usize) {
    if orientation == 1 {
        return (pixels, width, height);
    }
    let (across, down) = if orientation >= 5 { (height, width) } else { (width, height) };
    let upright = |x: usize, y: usize| match orientation {
        2 => (across - 1 - x, y),
        3 => (across - 1 - x, down - 1 - y),
        4 => (x, down - 1 - y),
        5 => (y, x),
        6 => (down - 1 - y, x),
        7 => (down - 1 - y, across - 1 - x),
        8 => (y, across - 1 - x),
        _ => panic!("orientations are 1 to 8"),
    };
    let mut turned = Vec::with_capacity(pixels.len());
    for y in 0..down {
        for x in 0..across {
            let (x, y) = upright(x, y);
            let at = 3 * (y * width + x);
            turned.extend_from_slice(&pixels[at..at + 3]);
        }
    }
    (turned, across, down)
}

fn block(exif: &Exif) -> Vec<u8> {
    let field = |tag, value| Field { tag, ifd_num: In::PRIMARY, value };
    let text = |tag, text: &str| field(tag, Value::Ascii(vec![text.as_bytes().to_vec()]));
    let mut fields = vec![
        field(Tag::Orientation, Value::Short(vec![exif.orientation])),
        text(Tag::Make, "Forecourt"),
        text(Tag::Model, "Drawing board"),
    ];
    if let Some(time) = &exif.taken_at {
        fields.push(text(Tag::DateTimeOriginal, time));
    }
    if let Some((latitude, longitude)) = exif.position {
        fields.push(text(Tag::GPSLatitudeRef, if latitude < 0.0 { "S" } else { "N" }));
        fields.push(field(Tag::GPSLatitude, degrees(latitude)));
        fields.push(text(Tag::GPSLongitudeRef, if longitude < 0.0 { "W" } else { "E" }));
        fields.push(field(Tag::GPSLongitude, degrees(longitude)));
    }
    let mut writer = Writer::new();
    fields.iter().for_each(|field| writer.push_field(field));
    let mut bytes = Cursor::new(Vec::new());
    writer.write(&mut bytes, false).expect("writing to memory cannot fail");
    bytes.into_inner()
}

/// Degrees, minutes and hundredths of seconds.
fn degrees(value: f64) -> Value {
    let hundredths = (value.abs() * 360_000.0).round() as u32;
    let part = |num, denom| Rational { num, denom };
    Value::Rational(vec![
        part(hundredths / 360_000, 1),
        part(hundredths / 6_000 % 60, 1),
        part(hundredths % 6_000, 100),
    ])
}
