mod whole;

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, RgbImage};
use rules::photo::Warning;

use super::super::picture::{Exif, Scene, Side};
use super::*;

fn refused(bytes: &[u8], declared: &str) -> &'static str {
    inspect(bytes, Some(declared)).unwrap_err().code()
}

fn warnings(seen: &Inspected) -> Vec<Warning> {
    Limits::default().warnings(seen.quality, None, chrono::Utc::now())
}

fn photo() -> Vec<u8> {
    Scene::new(Side::Left, 1).jpeg()
}

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(width: u32, height: u32) -> Vec<u8> {
    encoded(GrayImage::from_pixel(width, height, image::Luma([90])), ImageFormat::Png)
}

/// Writes another size into a PNG's header and signs it again.
fn with_size(mut png: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&sum);
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), |sum, _| step(sum)))
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn a_photo_is_let_in_with_what_is_known_of_it() {
    let bytes = photo();
    let before = bytes.clone();
    let seen = inspect(&bytes, Some("image/jpeg")).unwrap();
    assert_eq!((seen.format, seen.width, seen.height, seen.orientation), (Format::Jpeg, 1600, 1200, 1));
    assert_eq!(seen.sha256, hex::encode(Sha256::digest(&before)));
    assert_eq!(seen.claims, Claims::default());
    assert_eq!(warnings(&seen), []);
    assert_eq!(bytes, before);
}

#[test]
fn png_and_webp_are_photos_too() {
    let picture = RgbImage::from_fn(1100, 800, |x, y| image::Rgb([x as u8, y as u8, (x ^ y) as u8]));
    for (format, declared) in [(ImageFormat::Png, "image/png"), (ImageFormat::WebP, "image/webp; x=1")] {
        let seen = inspect(&encoded(picture.clone(), format), Some(declared)).unwrap();
        assert_eq!((seen.width, seen.height), (1100, 800));
        assert!(declared.starts_with(seen.format.as_str()));
    }
}

#[test]
fn who_declares_nothing_is_believed() {
    assert!(inspect(&photo(), None).is_ok());
    assert!(inspect(&photo(), Some("application/octet-stream")).is_ok());
}

#[test]
fn the_camera_is_heard_but_not_trusted() {
    let exif =
        Exif { orientation: 6, position: Some((-33.8568, 151.2153)), taken_at: Some("2027:03:01 17:42:10".into()) };
    let seen = inspect(&Scene { exif: Some(exif), ..Scene::new(Side::Front, 2) }.jpeg(), None).unwrap();
    assert_eq!((seen.orientation, seen.width, seen.height), (6, 1600, 1200));
    assert_eq!(seen.claims.taken_at.unwrap().to_string(), "2027-03-01 17:42:10");
    let taken = seen.claims.taken(chrono_tz::Australia::Sydney).unwrap();
    assert_eq!(taken.to_rfc3339(), "2027-03-01T06:42:10+00:00");
    assert_eq!(seen.claims.make.as_deref(), Some("Forecourt"));
    let Position { latitude, longitude } = seen.claims.gps.unwrap();
    assert!((latitude + 33.8568).abs() < 1e-4 && (longitude - 151.2153).abs() < 1e-4);
}

#[test]
fn a_night_photo_is_let_in_and_called_dark() {
    let seen = inspect(&Scene { night: true, ..Scene::new(Side::Back, 3) }.jpeg(), None).unwrap();
    assert!(warnings(&seen).contains(&Warning::Dark), "{seen:?}");
}

#[test]
fn a_photo_of_nothing_is_refused() {
    assert_eq!(refused(&encoded(GrayImage::new(1200, 900), ImageFormat::Png), "image/png"), "photo_black");
}

#[test]
fn a_blurred_photo_is_let_in_and_called_blurred() {
    let sharp = decode::upright(&photo()).unwrap();
    let blurred = encoded(image::imageops::fast_blur(&sharp, 10.0), ImageFormat::Png);
    assert_eq!(warnings(&inspect(&blurred, None).unwrap()), [Warning::Blurred]);
}

#[test]
fn an_empty_file_is_refused() {
    assert_eq!(refused(b"", "image/jpeg"), "photo_empty");
}

#[test]
fn a_file_over_the_limit_is_refused() {
    let bytes = joined(&[&photo(), &vec![0; Limits::default().max_bytes as usize]]);
    assert_eq!(refused(&bytes, "image/jpeg"), "photo_too_large");
}

#[test]
fn a_small_picture_is_refused() {
    assert_eq!(refused(&png(1023, 700), "image/png"), "photo_too_small");
}

#[test]
fn a_png_that_is_called_a_jpeg_is_refused_with_both_names() {
    let refusal = inspect(&png(1200, 900), Some("image/jpeg")).unwrap_err();
    assert_eq!(refusal.code(), "photo_format");
    assert!(refusal.words.contains("image/jpeg") && refusal.words.contains("image/png"), "{refusal}");
}

#[test]
fn other_files_are_refused() {
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"2000\" height=\"2000\"></svg>";
    for bytes in [&svg[..], b" \n<!doctype html><p>", b"GIF89a", b"%PDF-1.7", b"\0\0\0\x18ftypheic\0\0\0\0", b"\xFF"] {
        assert_eq!(refused(bytes, "image/jpeg"), "photo_format");
    }
}

#[test]
fn a_cut_off_photo_is_refused_wherever_it_ends() {
    let bytes = photo();
    for length in [3, 20, 400, bytes.len() / 2, bytes.len() - 1] {
        assert_eq!(refused(&bytes[..length], "image/jpeg"), "photo_damaged", "{length} bytes");
    }
    let picture = png(1200, 900);
    assert_eq!(refused(&picture[..picture.len() - 6], "image/png"), "photo_damaged");
    let webp = encoded(RgbImage::new(1200, 900), ImageFormat::WebP);
    assert_eq!(refused(&webp[..webp.len() - 2], "image/webp"), "photo_damaged");
}

#[test]
fn a_header_that_promises_too_many_pixels_is_refused_before_decoding() {
    assert_eq!(refused(&with_size(png(1200, 900), 20_000, 20_000), "image/png"), "photo_too_many_pixels");
    let mut jpeg = photo();
    let frame = jpeg.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFF; 4]);
    assert_eq!(refused(&jpeg, "image/jpeg"), "photo_too_many_pixels");
}

#[test]
fn a_progressive_photo_that_takes_too_much_room_is_refused_before_decoding() {
    let small = encoded(RgbImage::from_pixel(64, 64, image::Rgb([90; 3])), ImageFormat::Jpeg);
    let frame = small.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    let with_frame = |marker: u8, width: u16, height: u16| {
        let mut bytes = small.clone();
        bytes[frame + 1] = marker;
        bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
        bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
        decode::open(&bytes, Format::Jpeg).map(|decoder| decoder.dimensions()).map_err(|refusal| refusal.words)
    };
    let layered = with_frame(0xC2, 6_000, 5_000).unwrap_err();
    assert!(layered.starts_with("The photo is a progressive JPEG"), "{layered}");
    assert_eq!(with_frame(0xC0, 6_000, 5_000), Ok((6_000, 5_000)), "it keeps no coefficients");
    assert_eq!(with_frame(0xC2, 5_000, 4_000), Ok((5_000, 4_000)));
}

#[test]
fn a_deflate_bomb_is_not_blown_up() {
    // 36 MB of zeros in a few kilobytes, behind a header that asks for one: read as far as the header says.
    let bomb = with_size(encoded(GrayImage::new(6000, 6000), ImageFormat::Png), 1200, 900);
    assert!(bomb.len() < 200_000, "{}", bomb.len());
    assert_eq!(refused(&bomb, "image/png"), "photo_black");
}

#[test]
fn a_header_that_promises_more_than_the_file_holds_is_refused() {
    assert_eq!(refused(&with_size(png(1200, 900), 6000, 6000), "image/png"), "photo_damaged");
}

#[test]
fn a_photo_with_an_archive_behind_it_is_refused() {
    let archive = joined(&[b"PK\x03\x04 a file ", b"PK\x05\x06", &[0; 18]]);
    assert_eq!(refused(&joined(&[&photo(), &archive]), "image/jpeg"), "photo_format");
    assert_eq!(refused(&joined(&[&photo(), &photo(), &archive]), "image/jpeg"), "photo_format");
    assert_eq!(refused(&joined(&[&photo(), b"<script>alert(1)</script>"]), "image/jpeg"), "photo_format");
    assert_eq!(refused(&joined(&[&png(1200, 900), &archive]), "image/png"), "photo_format");
    let webp = encoded(RgbImage::new(1200, 900), ImageFormat::WebP);
    assert_eq!(refused(&joined(&[&webp, &archive]), "image/webp"), "photo_format");
}

#[test]
fn padding_behind_a_photo_is_let_in() {
    let picture = RgbImage::from_fn(1100, 800, |x, y| image::Rgb([x as u8, y as u8, (x ^ y) as u8]));
    let webp = encoded(picture, ImageFormat::WebP);
    for whole in [photo(), png(1200, 900), webp] {
        for behind in [&b"\n"[..], b"\r\n", b" ", &[0xFF], &[0; 3]] {
            inspect(&joined(&[&whole, behind]), None).unwrap();
        }
        assert!(inspect(&joined(&[&whole, b"\nx"]), None).is_err());
    }
    let film = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42 and so on";
    assert!(inspect(&joined(&[&photo(), b"\0\n\xFF", &photo(), b"\0", film]), None).is_ok());
}

/// A chunk as it stands in a PNG.
fn chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
    let named = joined(&[name, data]);
    joined(&[&(data.len() as u32).to_be_bytes(), &named, &crc32(&named).to_be_bytes()])
}

#[test]
fn a_png_is_turned_by_what_its_camera_wrote_behind_the_pixels() {
    let exif = Exif { orientation: 6, position: None, taken_at: Some("2027:03:01 17:42:10".into()) };
    let jpeg = Scene { exif: Some(exif), ..Scene::new(Side::Front, 2) }.jpeg();
    let block = image::codecs::jpeg::JpegDecoder::new(Cursor::new(&jpeg)).unwrap().exif_metadata().unwrap().unwrap();
    let png = png(1200, 900);
    let (pixels, end) = png.split_at(png.len() - 12);
    let seen = inspect(&joined(&[pixels, &chunk(b"eXIf", &block), end]), None).unwrap();
    assert_eq!((seen.orientation, seen.width, seen.height), (6, 900, 1200));
    assert!(seen.claims.taken_at.is_some());
}

#[test]
fn what_phones_write_behind_a_photo_is_let_in() {
    let film = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42 and so on";
    for behind in [&photo()[..], &[0; 300], film, b"\0\0 some facts SEFHe\0\0\0SEFT"] {
        assert!(inspect(&joined(&[&photo(), behind]), Some("image/jpeg")).is_ok(), "{} bytes", behind.len());
    }
}

#[test]
fn animated_pictures_are_refused() {
    let still = png(1200, 900);
    let control = joined(&[&8_u32.to_be_bytes(), b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0], &[0; 4]]);
    let moving = joined(&[&still[..33], &control, &still[33..]]);
    assert_eq!(refused(&moving, "image/png"), "photo_format");
    let chunks = joined(&[b"WEBPVP8X", &10_u32.to_le_bytes(), &[2, 0, 0, 0, 255, 4, 0, 255, 4, 0], b"ANIM", &[0; 4]]);
    let moving = joined(&[b"RIFF", &(chunks.len() as u32).to_le_bytes(), &chunks]);
    assert_eq!(refused(&moving, "image/webp"), "photo_format");
}

#[test]
fn a_photo_of_thousands_of_scans_is_refused() {
    let bytes = photo();
    let scan = bytes.windows(2).position(|two| two == [0xFF, 0xDA]).unwrap();
    let end = bytes.len() - 2;
    let many = bytes[scan..end].repeat(50);
    assert_eq!(refused(&joined(&[&bytes[..scan], &many, &bytes[end..]]), "image/jpeg"), "photo_format");
}

#[test]
fn noise_behind_a_photo_s_beginning_never_panics() {
    let mut bytes = photo();
    for at in (2..bytes.len()).step_by(97) {
        bytes[at] = bytes[at].wrapping_mul(31).wrapping_add(at as u8);
    }
    assert!(inspect(&bytes, None).is_err());
}
