use serde::{Deserialize, Serialize};

use super::{Class, Panel, Region, Side};

/// One mark a model saw in one photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    pub side: Side,
    pub class: Class,
    /// How sure the model is, 0 to 1.
    pub score: f64,
    pub region: Region,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<Panel>,
}

/// One open item of the car's register of known damage. People may have
/// written it down without drawing a box.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    pub side: Side,
    pub class: Class,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<Panel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

words! {
    /// Whether a mark came with this rental.
    pub enum Novelty {
        New = "new",
        Known = "known",
        Uncertain = "uncertain",
    }
}

/// A mark on the returned car, with the verdict of the comparison and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    #[serde(flatten)]
    pub detection: Detection,
    pub novelty: Novelty,
    /// For the admin, in words.
    pub reason: String,
}

/// From here on two boxes of two hand-held photos show the same place.
const SAME_PLACE: f64 = 0.3;

/// Marks every detection of the return as new, known or uncertain.
///
/// Known needs the same side, an agreeing class and the same place, on the
/// pick-up photo or in the register; counts are never compared. Without a
/// pick-up set (`None`) nothing can be called new.
pub fn compare(found: &[Detection], pickup: Option<&[Detection]>, register: &[Known]) -> Vec<Finding> {
    found
        .iter()
        .map(|detection| {
            let (novelty, reason) = verdict(detection, pickup, register);
            Finding { detection: detection.clone(), novelty, reason: reason.to_owned() }
        })
        .collect()
}

fn verdict(found: &Detection, pickup: Option<&[Detection]>, register: &[Known]) -> (Novelty, &'static str) {
    let seen = pickup.unwrap_or_default().iter().map(|mark| likeness(found, &Known::from(mark)));
    let written = register.iter().map(|mark| likeness(found, mark));
    match (seen.max(), written.max()) {
        (Some(Likeness::Same), _) => (Novelty::Known, "the pick-up photo shows it"),
        (_, Some(Likeness::Same)) => (Novelty::Known, "it is in the register of known damage"),
        (Some(Likeness::Similar), _) => (Novelty::Uncertain, "the pick-up photo shows something like it nearby"),
        (_, Some(Likeness::Similar)) => (Novelty::Uncertain, "the register of known damage has something like it"),
        _ if pickup.is_none() => (Novelty::Uncertain, "there are no pick-up photos to compare with"),
        _ => (Novelty::New, "neither the pick-up photo nor the register shows it"),
    }
}

/// In this order: `max` picks the strongest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    None,
    Similar,
    Same,
}

fn likeness(found: &Detection, mark: &Known) -> Likeness {
    let overlap = mark.region.map(|region| found.region.iou(&region));
    let same_panel = found.panel.is_some() && found.panel == mark.panel;
    match (found.class.agrees(mark.class), overlap) {
        _ if found.side != mark.side => Likeness::None,
        (true, Some(overlap)) if overlap >= SAME_PLACE => Likeness::Same,
        (true, Some(overlap)) if overlap > 0.0 || same_panel => Likeness::Similar,
        // Written down without a box: the panel, if both name one, has to do.
        (true, None) if same_panel || found.panel.is_none() || mark.panel.is_none() => Likeness::Similar,
        // A dent that was taken for a scratch, or a scratch on an old dent.
        (false, Some(overlap)) if overlap >= SAME_PLACE => Likeness::Similar,
        _ => Likeness::None,
    }
}

impl From<&Detection> for Known {
    fn from(seen: &Detection) -> Self {
        Self { side: seen.side, class: seen.class, panel: seen.panel, region: Some(seen.region) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::damage::region::tests::any_region;

    fn mark(side: Side, class: Class, x: f64) -> Detection {
        let region = Region::new(x, 0.4, 0.1, 0.1).unwrap();
        Detection { side, class, score: 0.7, region, panel: None }
    }

    fn novelty(found: &Detection, pickup: Option<&[Detection]>, register: &[Known]) -> Novelty {
        compare(std::slice::from_ref(found), pickup, register)[0].novelty
    }

    #[test]
    fn a_mark_on_the_pickup_photo_is_not_new() {
        let found = mark(Side::Left, Class::Scratch, 0.40);
        let before = [mark(Side::Left, Class::Scratch, 0.42)];
        assert_eq!(novelty(&found, Some(&before), &[]), Novelty::Known);
    }

    #[test]
    fn the_same_place_on_another_side_is_new() {
        let found = mark(Side::Left, Class::Scratch, 0.40);
        let before = [mark(Side::Right, Class::Scratch, 0.40)];
        assert_eq!(novelty(&found, Some(&before), &[]), Novelty::New);
    }

    #[test]
    fn as_many_marks_as_before_do_not_make_a_new_one_old() {
        let found = mark(Side::Left, Class::Scratch, 0.80);
        let before = [mark(Side::Left, Class::Scratch, 0.10)];
        assert_eq!(novelty(&found, Some(&before), &[]), Novelty::New);
    }

    #[test]
    fn another_kind_of_mark_in_the_same_place_is_for_a_person_to_judge() {
        let found = mark(Side::Left, Class::Scratch, 0.40);
        let before = [mark(Side::Left, Class::Dent, 0.40)];
        assert_eq!(novelty(&found, Some(&before), &[]), Novelty::Uncertain);
    }

    #[test]
    fn without_pickup_photos_nothing_is_called_new() {
        let found = mark(Side::Left, Class::Scratch, 0.40);
        assert_eq!(novelty(&found, None, &[]), Novelty::Uncertain);
        assert_eq!(novelty(&found, Some(&[]), &[]), Novelty::New);
    }

    #[test]
    fn the_register_counts_with_a_box_and_warns_without() {
        let found = Detection { panel: Some(Panel::Door), ..mark(Side::Left, Class::Dent, 0.40) };
        let drawn = Known::from(&found);
        let written = Known { region: None, ..drawn.clone() };
        let elsewhere = Known { panel: Some(Panel::Wing), ..written.clone() };

        assert_eq!(novelty(&found, Some(&[]), &[drawn]), Novelty::Known);
        assert_eq!(novelty(&found, Some(&[]), &[written]), Novelty::Uncertain);
        assert_eq!(novelty(&found, Some(&[]), &[elsewhere]), Novelty::New);
    }

    #[test]
    fn a_finding_is_a_detection_with_a_verdict() {
        let found = [mark(Side::Left, Class::Dent, 0.40)];
        let json = serde_json::to_value(&compare(&found, Some(&[]), &[])[0]).unwrap();
        assert_eq!(json["side"], "left");
        assert_eq!(json["novelty"], "new");
    }

    proptest! {
        #[test]
        fn the_very_same_mark_is_always_known_and_order_does_not_matter(
            region in any_region(), other in any_region(),
        ) {
            let same = Detection { region, ..mark(Side::Back, Class::Dent, 0.1) };
            let other = Detection { region: other, ..same.clone() };
            let before = [other.clone(), same.clone()];
            let reversed = [same.clone(), other];
            prop_assert_eq!(novelty(&same, Some(&before), &[]), Novelty::Known);
            prop_assert_eq!(compare(&before, Some(&before), &[]).len(), 2);
            prop_assert_eq!(
                novelty(&same, Some(&before), &[]),
                novelty(&same, Some(&reversed), &[])
            );
        }
    }
}
