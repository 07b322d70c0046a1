use super::super::decode;
use super::super::derivative::derive;
use super::super::picture::{Scene, Side};
use super::*;

fn apart(one: &[u8], other: &[u8]) -> u32 {
    let print = |jpeg: &[u8]| fingerprint(&decode::upright(jpeg).unwrap()).unwrap();
    (print(one) ^ print(other)).count_ones()
}

#[test]
fn a_smaller_copy_compressed_anew_is_told_from_another_photo_of_the_same_car() {
    let photo = |seed| Scene { width: 1_600, ..Scene::new(Side::Front, seed) }.jpeg();
    let copy = derive(&photo(1)).unwrap().swap_remove(0).jpeg;
    assert!(apart(&photo(1), &copy) <= COPY as u32);
    assert!(apart(&photo(1), &photo(2)) > COPY as u32);
}

#[test]
fn a_picture_that_shows_little_has_no_fingerprint() {
    assert_eq!(fingerprint(&RgbImage::from_pixel(1_600, 1_200, image::Rgb([9; 3]))), None);
    let night = Scene { night: true, ..Scene::new(Side::Left, 1) };
    let shade = fingerprint(&decode::upright(&night.jpeg()).unwrap());
    assert!(shade.is_none() || shade != Some(0));
}
