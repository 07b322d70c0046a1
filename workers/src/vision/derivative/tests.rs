use super::super::picture::{Exif, Scene, Side};
use super::*;

/// How far two pictures are apart, as the mean difference per colour (0–255).
fn difference(one: &RgbImage, other: &RgbImage) -> f32 {
    assert_eq!(one.dimensions(), other.dimensions());
    let apart = one.as_raw().iter().zip(other.as_raw()).map(|(a, b)| f32::from(a.abs_diff(*b)));
    apart.sum::<f32>() / one.as_raw().len() as f32
}

fn decoded(derivative: &Derivative) -> RgbImage {
    image::load_from_memory(&derivative.jpeg).unwrap().into_rgb8()
}

fn turned(orientation: u16) -> Vec<u8> {
    let exif = Exif { orientation, position: Some((48.137_154, 11.576_124)), taken_at: None };
    Scene { exif: Some(exif), ..Scene::new(Side::Left, 4) }.jpeg()
}

#[test]
fn a_photo_gets_three_copies_largest_first() {
    let copies = derive(&Scene { width: 2000, ..Scene::new(Side::Front, 1) }.jpeg()).unwrap();
    let sizes: Vec<_> = copies.iter().map(|copy| (copy.variant, copy.width, copy.height)).collect();
    assert_eq!(sizes, [("1600", 1600, 1200), ("640", 640, 480), ("160", 160, 120)]);
    for copy in &copies {
        assert_eq!(decoded(copy).dimensions(), (copy.width, copy.height));
    }
    assert!(copies[1].jpeg.len() < 60 * 1024, "the copy in a mail has {} bytes", copies[1].jpeg.len());
}

#[test]
fn a_copy_is_never_larger_than_the_photo() {
    let copies = derive(&Scene { width: 1100, ..Scene::new(Side::Back, 1) }.jpeg()).unwrap();
    assert_eq!((copies[0].width, copies[0].height), (1100, 825));
}

#[test]
fn every_orientation_gives_the_same_upright_copy() {
    let upright = decoded(&derive(&turned(1)).unwrap()[1]);
    for orientation in 2..=8 {
        let copy = decoded(&derive(&turned(orientation)).unwrap()[1]);
        let apart = difference(&upright, &copy);
        assert!(apart < 1.5, "orientation {orientation} is {apart} apart");
    }
}

#[test]
fn no_copy_carries_exif_or_a_place() {
    let original = turned(6);
    let reader = exif::Reader::new();
    let planted = reader.read_from_container(&mut std::io::Cursor::new(&original)).unwrap();
    assert!(planted.get_field(exif::Tag::GPSLatitude, exif::In::PRIMARY).is_some());
    for copy in derive(&original).unwrap() {
        assert!(reader.read_from_container(&mut std::io::Cursor::new(&copy.jpeg)).is_err());
        for name in [&b"Exif"[..], b"ICC_PROFILE", b"http", b"Forecourt"] {
            assert!(!copy.jpeg.windows(name.len()).any(|bytes| bytes == name));
        }
    }
}

#[test]
fn the_same_photo_gives_the_same_bytes() {
    let original = turned(3);
    assert_eq!(derive(&original).unwrap(), derive(&original).unwrap());
}

/// The copies keep their colours, and what only the gate's decoder reads gets the same ones.
#[test]
fn colours_stay_whichever_way_a_copy_is_made() {
    let photo = Scene { width: 1600, ..Scene::new(Side::Left, 4) }.jpeg();
    let seen = image::load_from_memory(&photo).unwrap();
    let mut png = Vec::new();
    seen.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    let end = photo.len() - 2;
    // Bytes before a marker: some cameras write them, and the gate lets them in.
    let strange = [&photo[..end], &[0; 7], &photo[end..]].concat();
    for original in [photo, png, strange] {
        let apart = difference(&decoded(&derive(&original).unwrap()[0]), &seen.to_rgb8());
        assert!(apart < 4.0, "{apart} apart");
    }
}

/// A photo whose file says that its numbers are those of Display P3, as an iPhone's do.
#[test]
fn the_colours_of_an_iphone_are_those_of_its_photo() {
    let (red, srgb) = (image::Rgb([200, 60, 50]), [217.5, 41.6, 38.8]);
    let picture = RgbImage::from_pixel(1_200, 900, red);
    let icc = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let mut jpeg = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 95);
    encoder.add_icc_profile(&icc).unwrap();
    encoder.encode(&picture, 1_200, 900, jpeg_encoder::ColorType::Rgb).unwrap();
    for copy in derive(&jpeg).unwrap() {
        let shown = decoded(&copy).get_pixel(copy.width / 2, copy.height / 2).0.map(f64::from);
        let apart = shown.iter().zip(srgb).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max);
        assert!(apart < 5.0, "{shown:?}");
        assert!(!copy.jpeg.windows(11).any(|bytes| bytes == b"ICC_PROFILE"));
    }
}

#[test]
fn a_large_picture_with_transparency_is_turned_when_it_is_small() {
    let wide =
        image::RgbaImage::from_fn(3_300, 2_200, |x, _| image::Rgba([if x < 1_650 { 200 } else { 20 }, 90, 90, 255]));
    let mut png = std::io::Cursor::new(Vec::new());
    let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
    let orientation = b"MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    image::ImageEncoder::set_exif_metadata(&mut encoder, orientation.to_vec()).unwrap();
    wide.write_with_encoder(encoder).unwrap();
    let seen = decode::upright_from(png.get_ref(), 800).unwrap();
    assert_eq!(seen.dimensions(), (550, 825), "a quarter of it, upright");
    for picture in [seen, decoded(&derive(png.get_ref()).unwrap()[1])] {
        let (width, height) = picture.dimensions();
        assert!(width < height);
        let red = |y| picture.get_pixel(width / 2, y).0[0];
        assert!(red(height / 4).abs_diff(200) < 8 && red(height * 3 / 4).abs_diff(20) < 8, "left is up");
    }
}

#[test]
fn what_cannot_be_decoded_is_refused() {
    assert_eq!(derive(&turned(1)[..200]).unwrap_err().code(), "photo_damaged");
}
