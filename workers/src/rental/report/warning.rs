use entity::rental_return;
use rules::{damage::Basis, photo::Warning, rental::Slot};
use view::rental::Finding;

use super::evidence::{Evidence, Shot};

/// What changes trust in the photos or in the comparison.
pub(super) fn warnings(evidence: &Evidence, rental_return: &rental_return::Model, findings: &[Finding]) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(reason) = &rental_return.without_photos_reason {
        let reason = reason.trim_end_matches('.');
        warnings.push(format!("Staff took the car back without all of its photos: {reason}."));
    }
    if evidence.pickup.is_empty() {
        warnings.push("There are no pick-up photos, so nothing can be charged.".to_owned());
    }
    for slot in &evidence.reused {
        warnings.push(format!("A photo of the {slot} side had been sent before and was refused."));
    }
    for shot in &evidence.returned {
        let slot = shot.slot();
        warnings.extend(shot.photo.warnings.iter().filter_map(|word| warning(slot, word)));
        if shot.shows_no_car() {
            warnings.push(format!("The {slot} photo seems not to show a car."));
        }
        match &shot.photo.derive_failure {
            _ if shot.photo.derived_at.is_some() => {}
            Some(reason) => {
                let reason = reason.trim_end_matches('.');
                warnings.push(format!("There are no small copies of the {slot} photo: {reason}."));
            }
            None => warnings.push(format!("The small copies of the {slot} photo are not made yet.")),
        }
        warnings.extend(comparison_warning(evidence, slot));
        warnings.extend(apart_warning(findings, shot));
    }
    warnings.extend(same_view_warnings(&evidence.returned));
    warnings
}

/// Where something was found and could only be compared by its place in the photo.
fn apart_warning(findings: &[Finding], shot: &Shot) -> Option<String> {
    let apart = |it: &Finding| it.photo_id == shot.photo.id && it.basis == Basis::Position.as_str();
    let slot = shot.slot();
    let compared = findings.iter().any(apart);
    compared.then(|| format!("The {slot} photo does not fit over its pick-up photo: compare the marks by eye."))
}

/// Two slots that hold the very same view: one side was photographed twice, another not at all.
fn same_view_warnings(returned: &[Shot]) -> Vec<String> {
    let alike = |one: &Shot, other: &Shot| {
        one.comparison.as_ref().is_some_and(|comparison| comparison.same_view.contains(&other.photo.id))
    };
    let mut warnings = Vec::new();
    for (at, one) in returned.iter().enumerate() {
        for other in returned[at + 1..].iter().filter(|other| alike(one, other) || alike(other, one)) {
            let (one, other) = (one.slot(), other.slot());
            warnings.push(format!("The {one} photo and the {other} photo seem to show the same side of the car."));
        }
    }
    warnings
}

fn comparison_warning(evidence: &Evidence, slot: Slot) -> Option<String> {
    match evidence.pickup_of(slot) {
        _ if evidence.pickup.is_empty() => None,
        None => Some(format!("There is no pick-up photo of the {slot} side, so nothing on it can be charged.")),
        Some(before) if before.analysis.is_none() => {
            Some(format!("The pick-up photo of the {slot} side was not analysed: compare by eye."))
        }
        Some(before) => before
            .shows_no_car()
            .then(|| format!("The pick-up photo of the {slot} side seems not to show a car: compare by eye.")),
    }
}

fn warning(slot: Slot, word: &str) -> Option<String> {
    Some(match word.parse().ok()? {
        Warning::Blurred => format!("The {slot} photo is blurred."),
        Warning::Dark => format!("The {slot} photo is dark."),
        Warning::Copied => format!("The {slot} photo looks like a copy of a photo that was sent before."),
        Warning::TakenEarlier => {
            format!("The {slot} photo was, by its own clock, not taken within 30 minutes of its arrival.")
        }
    })
}
