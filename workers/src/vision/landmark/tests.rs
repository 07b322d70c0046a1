use super::super::decode;
use super::super::picture::{Scene, Side};
use super::*;

#[test]
fn the_same_photo_always_has_the_same_landmarks() {
    let picture = decode::upright(&Scene { width: 1_100, ..Scene::new(Side::Left, 1) }.jpeg()).unwrap();
    let once = landmarks(&picture);
    assert_eq!(once, landmarks(&picture));
    assert!((200..2_000).contains(&once.points.len()), "{}", once.points.len());
    assert_eq!(once.size, (640, 480));
}

#[test]
fn a_picture_of_nothing_and_a_tiny_one_have_none() {
    assert!(landmarks(&RgbImage::from_pixel(1_600, 1_200, image::Rgb([90; 3]))).points.is_empty());
    assert!(landmarks(&RgbImage::new(3, 1)).points.is_empty());
    assert!(landmarks(&RgbImage::new(1_024, 1)).points.is_empty());
}
