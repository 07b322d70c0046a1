use image::{Rgb, RgbImage};
use rules::damage::{Class, Detection, Novelty, Pickup, Region, compare};

use super::super::decode;
use super::super::landmark::landmarks;
use super::super::picture::{Mark, Scene, Side, Wound};
use super::*;

const SIDES: [Side; 4] = [Side::Front, Side::Back, Side::Left, Side::Right];

const DENT: Mark = Mark { wound: Wound::Dent, x: 0.45, y: 0.55, w: 0.08, h: 0.07 };
const SECOND: Mark = Mark { wound: Wound::Dent, x: 0.66, y: 0.6, w: 0.07, h: 0.06 };

/// A camera a few steps to the side: nearer, tilted, aside and in the evening.
const STEPS_ASIDE: [f64; 9] = [1.08, -0.06, -0.03, 0.05, 1.1, -0.05, 0.08, 0.04, 1.0];

fn photo(side: Side, seed: u64, marks: &[Mark]) -> RgbImage {
    let scene = Scene { width: 1_100, marks: marks.to_vec(), ..Scene::new(side, seed) };
    decode::upright(&scene.jpeg()).unwrap()
}

/// What the camera would see from elsewhere in other light; `view` leads from the new photo to the old one.
fn seen_through(view: &[f64; 9], picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        let at = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let source = Transform(*view).point(at.0, at.1).map(|(x, y)| (x * f64::from(width), y * f64::from(height)));
        let inside =
            source.filter(|(x, y)| (0.0..f64::from(width)).contains(x) && (0.0..f64::from(height)).contains(y));
        let Some((x, y)) = inside else { return Rgb([100; 3]) };
        Rgb(picture.get_pixel(x as u32, y as u32).0.map(|value| (f64::from(value) * 0.7 + 8.0) as u8))
    })
}

fn laid(of: &RgbImage, onto: &RgbImage) -> Result<Overlay, Apart> {
    lay(&landmarks(of), &landmarks(onto))
}

fn detection(mark: &Mark) -> Detection {
    let region = Region::new(mark.x.into(), mark.y.into(), mark.w.into(), mark.h.into()).unwrap();
    Detection { side: rules::damage::Side::Left, class: Class::Dent, score: 0.8, region, panel: None }
}

/// A mark of the old photo as the detector would box it on the new one.
fn on_the_new_photo(mark: &Mark, overlay_back: &Overlay) -> Detection {
    let old = detection(mark);
    Detection { region: overlay_back.place(&old.region).unwrap().region, ..old }
}

#[test]
fn a_photo_taken_from_elsewhere_in_other_light_is_laid_over_the_first() {
    for side in SIDES {
        let before = photo(side, 1, &[]);
        let overlay = laid(&seen_through(&STEPS_ASIDE, &photo(side, 2, &[])), &before).unwrap();
        for (x, y) in [(0.3, 0.5), (0.5, 0.6), (0.7, 0.7)] {
            let (wanted, found) =
                (Transform(STEPS_ASIDE).point(x, y).unwrap(), overlay.layers[0].transform.point(x, y).unwrap());
            let miss = (wanted.0 - found.0).hypot(wanted.1 - found.1);
            assert!(miss < 0.01, "{side:?} misses by {miss}");
        }
    }
}

#[test]
fn existing_damage_is_known_from_elsewhere_and_only_the_second_dent_is_new() {
    let before = photo(Side::Left, 1, &[DENT]);
    let after = seen_through(&STEPS_ASIDE, &photo(Side::Left, 2, &[DENT, SECOND]));
    let overlay = laid(&after, &before).unwrap();
    // Ground truth for where the marks are: the same view without its marks, the other way around.
    let back = laid(&photo(Side::Left, 3, &[]), &seen_through(&STEPS_ASIDE, &photo(Side::Left, 2, &[]))).unwrap();
    let found = [on_the_new_photo(&DENT, &back), on_the_new_photo(&SECOND, &back)];

    let pickup = Pickup { marks: vec![detection(&DENT)], overlay: Some(overlay), poor: false };
    let novelties: Vec<_> = compare(&found, Some(&pickup), &[]).iter().map(|finding| finding.novelty).collect();
    assert_eq!(novelties, [Novelty::Known, Novelty::New]);
    let unlaid = Pickup { overlay: None, ..pickup };
    assert_ne!(compare(&found, Some(&unlaid), &[])[0].novelty, Novelty::Known, "the viewpoint moved too little");
}

#[test]
fn photos_of_different_things_are_not_laid_over_each_other() {
    let car = photo(Side::Left, 1, &[]);
    let stripes = RgbImage::from_fn(1_100, 825, |x, y| Rgb([((x * x + 7 * y * y) / 97 % 256) as u8; 3]));
    assert_eq!(laid(&stripes, &car), Err(Apart::Unlike));
    let mirrored = image::imageops::flip_horizontal(&car);
    let view = laid(&mirrored, &car).map(|overlay| overlay.layers[0].points.len());
    assert!(view.is_err() || view.unwrap() < 60, "{view:?}");
    let nothing = RgbImage::from_pixel(1_100, 825, Rgb([90; 3]));
    assert_eq!(laid(&nothing, &car), Err(Apart::Featureless));
    assert_eq!(laid(&car, &nothing), Err(Apart::Featureless));
}

#[test]
fn the_same_photos_give_the_same_overlay_bit_for_bit() {
    let (before, after) = (photo(Side::Front, 1, &[]), photo(Side::Front, 2, &[]));
    let once = laid(&after, &before).unwrap();
    let again = laid(&after, &before).unwrap();
    let bits = |overlay: &Overlay| {
        overlay.layers.iter().flat_map(|layer| layer.transform.0.map(f64::to_bits)).collect::<Vec<_>>()
    };
    assert_eq!((bits(&once), &once), (bits(&again), &again));
}

#[test]
fn one_side_photographed_twice_is_the_same_view_and_two_sides_before_one_hall_are_not() {
    let photos: Vec<_> = SIDES.iter().map(|side| landmarks(&photo(*side, 1, &[]))).collect();
    for (side, one) in SIDES.iter().zip(&photos) {
        for (other_side, other) in SIDES.iter().zip(&photos).filter(|(other, _)| *other != side) {
            let same = lay(one, other).is_ok_and(|overlay| same_view(one, other, &overlay));
            assert!(!same, "{side:?} and {other_side:?}");
        }
        let twice = landmarks(&seen_through(&STEPS_ASIDE, &photo(*side, 2, &[])));
        assert!(lay(&twice, one).is_ok_and(|overlay| same_view(&twice, one, &overlay)), "{side:?} twice");
    }
}
