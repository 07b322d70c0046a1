use serde::{Deserialize, Serialize};

use super::{Class, Overlay, Panel, Placed, Region, Side};

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
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    pub side: Side,
    pub class: Class,
    pub panel: Option<Panel>,
    pub region: Option<Region>,
    /// How the photo of the return lies over the one that the box was drawn on, if that is known.
    pub overlay: Option<Overlay>,
}

/// The pick-up photo of a side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pickup {
    pub marks: Vec<Detection>,
    /// How the photo of the return lies over it, if that is known.
    pub overlay: Option<Overlay>,
    /// So blurred or dark, or of something else than a car, that a mark may be there unseen.
    pub poor: bool,
}

words! {
    /// Whether a mark came with this rental.
    pub enum Novelty {
        New = "new",
        Known = "known",
        Uncertain = "uncertain",
    }
}

words! {
    /// What a verdict stands on.
    pub enum Basis {
        /// The two photos were laid over each other.
        Overlay = "overlay",
        /// They could not be: the place in the one was taken for the place in the other.
        Position = "position",
        /// There is no pick-up photo.
        Nothing = "nothing",
    }
}

/// A mark on the returned car, with the verdict of the comparison and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub detection: Detection,
    pub novelty: Novelty,
    pub basis: Basis,
    /// For the admin, in words.
    pub reason: String,
    /// Where the mark would be on the pick-up photo.
    pub before: Option<Region>,
}

/// From here on two boxes of two photos show the same place.
const SAME_PLACE: f64 = 0.3;

/// By how much a box may miss its place after one photo was laid over the other, in shares of the photo.
const SLACK: f64 = 0.01;

/// From here on enough of a place is on the pick-up photo to say that it was sound.
const SHOWN: f64 = 0.8;

/// Points around a place without which the photos may not fit there: a car is no plane.
const PROOF: usize = 3;

/// Marks every detection of the return as new, known or uncertain.
///
/// Known needs the same side, an agreeing class and the same place, on the
/// pick-up photo or in the register; counts are never compared. New needs a
/// good pick-up photo that shows the place. Without one (`None`) nothing can be called new.
pub fn compare(found: &[Detection], pickup: Option<&Pickup>, register: &[Known]) -> Vec<Finding> {
    found.iter().map(|detection| finding(detection, pickup, register)).collect()
}

fn finding(found: &Detection, pickup: Option<&Pickup>, register: &[Known]) -> Finding {
    let overlay = pickup.and_then(|pickup| pickup.overlay.as_ref());
    let placed = overlay.and_then(|overlay| overlay.place(&found.region));
    let (novelty, reason) = verdict(found, pickup, placed.as_ref(), register);
    let basis = match (pickup, overlay) {
        (None, _) => Basis::Nothing,
        (_, None) => Basis::Position,
        (_, Some(_)) => Basis::Overlay,
    };
    let before = placed.map(|placed| placed.region);
    Finding { detection: found.clone(), novelty, basis, reason: reason.to_owned(), before }
}

fn verdict(
    found: &Detection,
    pickup: Option<&Pickup>,
    placed: Option<&Placed>,
    register: &[Known],
) -> (Novelty, &'static str) {
    let seen = pickup.and_then(|pickup| pickup.marks().map(|mark| likeness(found, &mark)).max());
    let written = register.iter().map(|mark| likeness(found, &mark.into())).max();
    match (seen, written) {
        (Some(Likeness::Same), _) => (Novelty::Known, "the pick-up photo shows it"),
        (_, Some(Likeness::Same)) => (Novelty::Known, "it is in the register of known damage"),
        (Some(Likeness::Similar), _) => (Novelty::Uncertain, "the pick-up photo shows something like it nearby"),
        (_, Some(Likeness::Similar)) => (Novelty::Uncertain, "the register of known damage has something like it"),
        _ => match doubt(found, pickup, placed, register) {
            Some(doubt) => (Novelty::Uncertain, doubt),
            None => (Novelty::New, "neither the pick-up photo nor the register shows it"),
        },
    }
}

/// Why a mark that matches nothing may yet have been there.
fn doubt(
    found: &Detection,
    pickup: Option<&Pickup>,
    placed: Option<&Placed>,
    register: &[Known],
) -> Option<&'static str> {
    let Some(pickup) = pickup else { return Some("there is no pick-up photo to compare with") };
    let alike = |side: Side, class: Class| side == found.side && class.agrees(found.class);
    let seen = || pickup.marks.iter().any(|mark| alike(mark.side, mark.class));
    let written = || register.iter().any(|mark| alike(mark.side, mark.class));
    match (&pickup.overlay, placed) {
        _ if pickup.poor => Some("the pick-up photo shows too little to say that it was not there"),
        (None, _) if seen() || written() => {
            Some("such a mark was on this side before, and the photos could not be laid over each other")
        }
        (None, _) => None,
        (Some(_), Some(placed)) if placed.shown >= SHOWN && placed.proof >= PROOF => None,
        (Some(_), Some(placed)) if placed.shown >= SHOWN => {
            Some("the photos could not be laid over each other well enough at this place")
        }
        (Some(_), _) => Some("the pick-up photo does not show this place"),
    }
}

/// In this order: `max` picks the strongest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    None,
    Similar,
    Same,
}

/// What is known of one mark, wherever it is known from.
struct Mark<'a> {
    side: Side,
    class: Class,
    panel: Option<Panel>,
    region: Option<Region>,
    overlay: Option<&'a Overlay>,
}

fn likeness(found: &Detection, mark: &Mark<'_>) -> Likeness {
    let overlap = mark.region.map(|region| overlap(found, &region, mark.overlay));
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

/// How much of a found box lies on a known one, once its photo is laid over the other.
fn overlap(found: &Detection, known: &Region, overlay: Option<&Overlay>) -> f64 {
    let Some(overlay) = overlay else { return found.region.iou(known) };
    let placed = overlay.place(&found.region);
    placed.map_or(0.0, |placed| placed.region.grown(SLACK).iou(&known.grown(SLACK)))
}

impl Pickup {
    fn marks(&self) -> impl Iterator<Item = Mark<'_>> {
        let overlay = self.overlay.as_ref();
        self.marks.iter().map(move |mark| Mark {
            side: mark.side,
            class: mark.class,
            panel: mark.panel,
            region: Some(mark.region),
            overlay,
        })
    }
}

impl<'a> From<&'a Known> for Mark<'a> {
    fn from(item: &'a Known) -> Self {
        let overlay = item.overlay.as_ref();
        Self { side: item.side, class: item.class, panel: item.panel, region: item.region, overlay }
    }
}

#[cfg(test)]
mod tests;
