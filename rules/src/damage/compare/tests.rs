use proptest::prelude::*;

use super::*;
use crate::damage::{Layer, Transform, region::tests::any_region};

fn mark(side: Side, class: Class, x: f64) -> Detection {
    let region = Region::new(x, 0.4, 0.1, 0.1).unwrap();
    Detection { side, class, score: 0.7, region, panel: None }
}

fn scratch(x: f64) -> Detection {
    mark(Side::Left, Class::Scratch, x)
}

/// As proven as can be, everywhere.
fn laid(transform: Transform) -> Option<Overlay> {
    let grid = |step: u32| f64::from(step) / 20.0;
    let points = (0..=20).flat_map(|x| (0..=20).map(move |y| [grid(x), grid(y)])).collect();
    Some(Overlay { layers: vec![Layer { transform, points }] })
}

fn across(shift: f64) -> Option<Overlay> {
    laid(Transform([1.0, 0.0, shift, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]))
}

/// The camera stood in the same place.
fn pickup(marks: &[Detection]) -> Pickup {
    Pickup { marks: marks.to_vec(), overlay: laid(Transform::IDENTITY), poor: false }
}

fn written(found: &Detection) -> Known {
    let (side, class) = (found.side, found.class);
    Known { side, class, panel: found.panel, region: Some(found.region), overlay: None }
}

fn judged(found: &Detection, pickup: Option<&Pickup>, register: &[Known]) -> Finding {
    compare(std::slice::from_ref(found), pickup, register).remove(0)
}

fn novelty(found: &Detection, pickup: Option<&Pickup>, register: &[Known]) -> Novelty {
    judged(found, pickup, register).novelty
}

#[test]
fn a_mark_on_the_pickup_photo_is_not_new() {
    assert_eq!(novelty(&scratch(0.40), Some(&pickup(&[scratch(0.42)])), &[]), Novelty::Known);
}

#[test]
fn a_known_mark_is_found_again_where_the_camera_moved_it_to() {
    let before = Pickup { overlay: across(-0.25), ..pickup(&[scratch(0.15)]) };
    let finding = judged(&scratch(0.40), Some(&before), &[]);
    assert_eq!((finding.novelty, finding.basis), (Novelty::Known, Basis::Overlay));
    assert!((finding.before.unwrap().x - 0.15).abs() < 1e-9);
    // In the photo it lies where the old one lay; on the car it does not.
    assert_eq!(novelty(&scratch(0.15 + 0.25 + 0.25), Some(&before), &[]), Novelty::New);
    let moved_into_place = Pickup { overlay: across(-0.25), ..pickup(&[scratch(0.40)]) };
    assert_eq!(novelty(&scratch(0.40), Some(&moved_into_place), &[]), Novelty::New);
}

#[test]
fn a_small_mark_may_miss_its_place_by_what_laying_photos_over_each_other_costs() {
    let small = |x: f64| Detection { region: Region::new(x, 0.4, 0.02, 0.02).unwrap(), ..scratch(0.4) };
    assert_eq!(novelty(&small(0.410), Some(&pickup(&[small(0.40)])), &[]), Novelty::Known);
    assert_eq!(novelty(&small(0.428), Some(&pickup(&[small(0.40)])), &[]), Novelty::Uncertain);
    assert_eq!(novelty(&small(0.450), Some(&pickup(&[small(0.40)])), &[]), Novelty::New);
}

#[test]
fn the_same_place_on_another_side_is_new() {
    let before = pickup(&[mark(Side::Right, Class::Scratch, 0.40)]);
    assert_eq!(novelty(&scratch(0.40), Some(&before), &[]), Novelty::New);
}

#[test]
fn as_many_marks_as_before_do_not_make_a_new_one_old() {
    assert_eq!(novelty(&scratch(0.80), Some(&pickup(&[scratch(0.10)])), &[]), Novelty::New);
}

#[test]
fn another_kind_of_mark_in_the_same_place_is_for_a_person_to_judge() {
    let before = pickup(&[mark(Side::Left, Class::Dent, 0.40)]);
    assert_eq!(novelty(&scratch(0.40), Some(&before), &[]), Novelty::Uncertain);
}

#[test]
fn without_pickup_photos_nothing_is_called_new() {
    let alone = judged(&scratch(0.40), None, &[]);
    assert_eq!((alone.novelty, alone.basis), (Novelty::Uncertain, Basis::Nothing));
    assert_eq!(novelty(&scratch(0.40), Some(&pickup(&[])), &[]), Novelty::New);
    assert_eq!(novelty(&scratch(0.40), None, &[written(&scratch(0.40))]), Novelty::Known);
}

#[test]
fn photos_that_do_not_fit_are_compared_by_position_and_doubt_what_is_alike() {
    let apart = |marks: &[Detection]| Pickup { overlay: None, ..pickup(marks) };
    let same = judged(&scratch(0.40), Some(&apart(&[scratch(0.42)])), &[]);
    assert_eq!((same.novelty, same.basis), (Novelty::Known, Basis::Position));
    assert_eq!(novelty(&scratch(0.80), Some(&apart(&[scratch(0.10)])), &[]), Novelty::Uncertain);
    assert_eq!(novelty(&scratch(0.80), Some(&apart(&[])), &[written(&scratch(0.10))]), Novelty::Uncertain);
    assert_eq!(novelty(&scratch(0.80), Some(&apart(&[mark(Side::Left, Class::Dent, 0.1)])), &[]), Novelty::New);
}

#[test]
fn what_the_pickup_photo_cannot_show_is_not_called_new() {
    let dark = Pickup { poor: true, ..pickup(&[]) };
    assert_eq!(novelty(&scratch(0.40), Some(&dark), &[]), Novelty::Uncertain);
    let aside = Pickup { overlay: across(0.55), ..pickup(&[]) };
    assert_eq!(novelty(&scratch(0.40), Some(&aside), &[]), Novelty::Uncertain);
    let far_aside = Pickup { overlay: across(0.9), ..pickup(&[scratch(0.8)]) };
    assert_eq!(novelty(&scratch(0.40), Some(&far_aside), &[]), Novelty::Uncertain);
}

#[test]
fn a_place_that_no_point_proves_is_for_a_person_to_judge() {
    let layer = Layer { transform: Transform::IDENTITY, points: vec![[0.9, 0.9]; 50] };
    let elsewhere = Pickup { overlay: Some(Overlay { layers: vec![layer] }), ..pickup(&[]) };
    assert_eq!(novelty(&scratch(0.10), Some(&elsewhere), &[]), Novelty::Uncertain);
}

#[test]
fn the_register_counts_with_a_box_and_warns_without() {
    let found = Detection { panel: Some(Panel::Door), ..mark(Side::Left, Class::Dent, 0.40) };
    let drawn = written(&found);
    let unplaced = Known { region: None, ..drawn.clone() };
    let elsewhere = Known { panel: Some(Panel::Wing), ..unplaced.clone() };
    let moved =
        Known { region: Some(Region::new(0.1, 0.4, 0.1, 0.1).unwrap()), overlay: across(-0.3), ..drawn.clone() };

    let clean = pickup(&[]);
    assert_eq!(novelty(&found, Some(&clean), &[drawn]), Novelty::Known);
    assert_eq!(novelty(&found, Some(&clean), &[moved]), Novelty::Known);
    assert_eq!(novelty(&found, Some(&clean), &[unplaced]), Novelty::Uncertain);
    assert_eq!(novelty(&found, Some(&clean), &[elsewhere]), Novelty::New);
}

prop_compose! {
    fn any_transform()(
        scale in 0.7..1.4, turn in -0.2..0.2_f64, x in -0.3..0.3, y in -0.3..0.3, tilt in -0.2..0.2,
    ) -> Transform {
        let (cos, sin): (f64, f64) = (scale * turn.cos(), scale * turn.sin());
        Transform([cos, -sin, x, sin, cos, y, tilt, 0.0, 1.0])
    }
}

proptest! {
    #[test]
    fn the_very_same_mark_is_always_known_and_order_does_not_matter(
        region in any_region(), other in any_region(),
    ) {
        let same = Detection { region, ..mark(Side::Back, Class::Dent, 0.1) };
        let other = Detection { region: other, ..same.clone() };
        let before = pickup(&[other.clone(), same.clone()]);
        let reversed = pickup(&[same.clone(), other]);
        prop_assert_eq!(novelty(&same, Some(&before), &[]), Novelty::Known);
        prop_assert_eq!(novelty(&same, Some(&before), &[]), novelty(&same, Some(&reversed), &[]));
    }

    #[test]
    fn a_mark_that_moved_with_the_photo_is_known(region in any_region(), transform in any_transform()) {
        let found = Detection { region, ..scratch(0.1) };
        if let Some(placed) = laid(transform).unwrap().place(&region) {
            let before = Detection { region: placed.region, ..scratch(0.1) };
            let pickup = Pickup { overlay: laid(transform), ..pickup(&[before]) };
            prop_assert_eq!(novelty(&found, Some(&pickup), &[]), Novelty::Known);
        }
    }

    #[test]
    fn more_that_was_known_before_never_makes_a_mark_new(
        found in any_region(), before in any_region(), poor: bool, apart: bool, transform in any_transform(),
    ) {
        let found = Detection { region: found, ..scratch(0.1) };
        let before = Detection { region: before, ..scratch(0.1) };
        let overlay = if apart { None } else { laid(transform) };
        let clean = Pickup { marks: Vec::new(), overlay, poor };
        let marked = Pickup { marks: vec![before.clone()], ..clean.clone() };
        let (less, more) = (novelty(&found, Some(&clean), &[]), novelty(&found, Some(&marked), &[]));
        prop_assert!(less == Novelty::New || more != Novelty::New, "{} became {}", less, more);
        let written = novelty(&found, Some(&clean), &[written(&before)]);
        prop_assert!(less == Novelty::New || written != Novelty::New, "{} became {}", less, written);
    }

    #[test]
    fn nothing_is_new_where_the_pickup_photo_shows_nothing(
        found in any_region(), poor: bool, transform in any_transform(),
    ) {
        let found = Detection { region: found, ..scratch(0.1) };
        let overlay = laid(transform);
        let shown = overlay.as_ref().unwrap().place(&found.region).map_or(0.0, |placed| placed.shown);
        let verdict = novelty(&found, Some(&Pickup { marks: Vec::new(), overlay, poor }), &[]);
        prop_assert!(verdict != Novelty::New || (!poor && shown >= SHOWN), "{} of it is shown", shown);
        prop_assert!(novelty(&found, None, &[]) != Novelty::New);
    }
}
