use entity::photo;
use rules::{
    damage::{Basis, Class, Detection, Known, Matrix, Novelty, Overlay, Pickup, Region, compare},
    photo::Warning,
    rental::Slot,
};
use uuid::Uuid;
use view::rental::Finding;

use super::evidence::{Evidence, Shot};
use crate::vision::detector;

/// What the model saw on all sides, compared with what was there before. Possibly new marks first, known ones last; the
/// numbers are those of the boxes on the photos.
pub(super) fn findings(evidence: &Evidence) -> Vec<Finding> {
    let mut findings: Vec<_> = evidence.returned.iter().flat_map(|shot| on(evidence, shot)).collect();
    findings.sort_by_key(|finding| finding.novelty == Novelty::Known.as_str());
    for (number, finding) in (1..).zip(&mut findings) {
        finding.number = number;
    }
    findings
}

/// The findings on one side, not yet numbered.
fn on(evidence: &Evidence, shot: &Shot) -> Vec<Finding> {
    let slot = shot.slot();
    let boxes = shot.analysis.iter().flat_map(|seen| &seen.boxes);
    let found: Vec<_> = boxes.map(|seen| detection(slot, seen)).collect();
    let overlay = |onto: Uuid| shot.comparison.as_ref()?.onto(onto)?.overlay.clone();
    let before = evidence.pickup_of(slot).and_then(|before| baseline(before, overlay(before.photo.id)));
    let register: Vec<_> = evidence
        .register
        .iter()
        .map(|item| Known { overlay: item.photo.and_then(overlay), ..item.known.clone() })
        .collect();
    let compared = compare(&found, before.as_ref(), &register);
    compared.into_iter().map(|finding| shown(&shot.photo, finding, &evidence.matrix)).collect()
}

fn detection(slot: Slot, seen: &detector::Detection) -> Detection {
    let class = seen.class.parse().unwrap_or(Class::Other);
    Detection { side: slot.into(), class, score: seen.score, region: seen.region, panel: None }
}

/// What the model saw at the pick-up; none when it did not look.
fn baseline(before: &Shot, overlay: Option<Overlay>) -> Option<Pickup> {
    // A doubtful box on the pick-up photo still speaks for the customer.
    let marks = before.analysis.as_ref()?.raw.iter().map(|seen| detection(before.slot(), seen)).collect();
    let poor = [Warning::Blurred, Warning::Dark];
    let mut warnings = before.photo.warnings.iter().filter_map(|word| word.parse().ok());
    Some(Pickup { marks, overlay, poor: warnings.any(|warning| poor.contains(&warning)) || before.shows_no_car() })
}

fn shown(photo: &photo::Model, finding: rules::damage::Finding, matrix: &Matrix) -> Finding {
    let suggestion = matrix.suggestion(&finding);
    let estimate = suggestion.and_then(|suggestion| suggestion.estimate);
    let Detection { class, score, region, .. } = finding.detection;
    let by_position = if finding.basis == Basis::Position { " (compared by position alone)" } else { "" };
    Finding {
        number: 0,
        photo_id: photo.id,
        side: photo.slot.into(),
        class: class.to_string(),
        score,
        region: place(region),
        novelty: finding.novelty.to_string(),
        reason: format!("{}{by_position}", finding.reason),
        basis: finding.basis.to_string(),
        pickup_region: finding.before.map(place),
        suggested_panel: class.panel().map(Into::into),
        suggested_severity: suggestion.map(|suggestion| suggestion.severity.to_string()),
        suggested_estimate: estimate.map(view::Money::from),
    }
}

fn place(region: Region) -> view::rental::Region {
    let Region { x, y, width, height, .. } = region;
    view::rental::Region { x, y, width, height }
}
