use image::{DynamicImage, ExtendedColorType, GrayImage, ImageEncoder, codecs::jpeg::JpegEncoder};

use super::super::picture::{Scene, Side};
use super::*;

fn photo(width: u32) -> Vec<u8> {
    Scene { width, ..Scene::new(Side::Left, 2) }.jpeg()
}

/// What the gate's decoder makes of the same bytes.
fn by_the_other(jpeg: &[u8]) -> DynamicImage {
    image::load_from_memory(jpeg).unwrap()
}

/// How far two planes are apart, as the mean difference (0–255).
fn difference(one: &GrayImage, other: &GrayImage) -> f32 {
    assert_eq!(one.dimensions(), other.dimensions());
    let apart = one.as_raw().iter().zip(other.as_raw()).map(|(a, b)| f32::from(a.abs_diff(*b)));
    apart.sum::<f32>() / one.as_raw().len() as f32
}

#[test]
fn the_smallest_fraction_that_is_large_enough_is_taken() {
    let photo = photo(2000);
    let size = |long_side| pixels(&photo, (2000, 1500), long_side).map(|picture| picture.dimensions());
    assert_eq!(size(250), Some((250, 188)));
    assert_eq!(size(251), Some((500, 375)));
    assert_eq!(size(1000), Some((1000, 750)));
    // The other decoder is as fast at full size, and it is the gate's.
    assert_eq!(size(1001), None);
}

#[test]
fn a_fraction_shows_the_same_picture() {
    let photo = photo(2000);
    let reduced = DynamicImage::ImageRgb8(pixels(&photo, (2000, 1500), 500).unwrap()).into_luma8();
    let shrunk = by_the_other(&photo).thumbnail_exact(500, 375).into_luma8();
    let apart = difference(&reduced, &shrunk);
    assert!(apart < 2.0, "{apart} apart");
}

#[test]
fn planes_of_every_size_are_written_as_they_were_read() {
    for width in [1100, 1101, 1102, 1103] {
        let photo = photo(width);
        let seen = by_the_other(&photo);
        let (across, down) = (seen.width(), seen.height());
        let read = planes(&photo, (across, down), width).unwrap();
        assert_eq!(read.luma, (across, down));
        assert_eq!(read.chroma, (across.div_ceil(2), down.div_ceil(2)), "the drawn photo has chroma at half");

        let written = by_the_other(&encode(&read, 95));
        assert_eq!((written.width(), written.height()), (across, down));
        let apart = difference(&written.into_luma8(), &seen.into_luma8());
        assert!(apart < 1.5, "{apart} apart at {across}×{down}");
    }
}

#[test]
fn what_it_is_not_sure_of_is_left_to_the_other_decoder() {
    let photo = photo(1100);
    // Bytes before a marker: some cameras write them, and the gate lets them in.
    let end = photo.len() - 2;
    let strange = [&photo[..end], &[0; 7], &photo[end..]].concat();
    assert_eq!(by_the_other(&strange), by_the_other(&photo));
    let size = (1100, 825);
    assert!(planes(&photo, size, 1100).is_some());
    assert!(planes(&strange, size, 1100).is_none());
    assert!(pixels(&photo, size, 100).is_some());
    assert!(pixels(&strange, size, 100).is_none());

    assert!(planes(&photo, (1100, 824), 1100).is_none(), "both must read one size");
    assert!(planes(&photo[..photo.len() / 2], size, 1100).is_none());
    assert!(planes(b"no JPEG", size, 1100).is_none());

    let mut grey = Vec::new();
    let values = by_the_other(&photo).into_luma8();
    let (width, height) = values.dimensions();
    JpegEncoder::new(&mut grey).write_image(values.as_raw(), width, height, ExtendedColorType::L8).unwrap();
    assert!(planes(&grey, size, 1100).is_none());
}
