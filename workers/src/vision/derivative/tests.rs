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

#[test]
fn what_cannot_be_decoded_is_refused() {
    assert_eq!(derive(&turned(1)[..200]).unwrap_err().code(), "photo_damaged");
}
