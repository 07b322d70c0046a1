//! The page as its template wants it: words, places of boxes, chosen options.

mod choice;
mod fact;
mod picture;
#[cfg(test)]
mod tests;

use std::str::FromStr;

use chrono_tz::Tz;
use rules::{
    damage::{Class, Novelty},
    rental::{Occasion, Slot, is_urgent, missing},
};
use serde::Serialize;
use view::rental::{Finding, Report};

pub(super) use self::fact::moment;
use self::{
    choice::{Candidate, Extra, candidate, extra},
    fact::{Fact, clocks, facts},
    picture::{SidePair, side},
};
use super::{form::EXTRA_ROWS, sheet::Sheet};
use crate::{error::ApiError, form::Form};

/// Everything on the page.
#[derive(Serialize)]
pub(super) struct Face {
    pub(super) plate: String,
    pub(super) car: String,
    verdict: VerdictLine,
    urgent: bool,
    clean: bool,
    due: Option<String>,
    asked: &'static str,
    refused: Option<Refused>,
    not_analysed: Option<String>,
    warnings: Vec<String>,
    action: String,
    csrf: String,
    facts: Vec<Fact>,
    sides: Vec<SidePair>,
    no_baseline: bool,
    /// The sides without a pick-up photo, where there are others.
    unproven: Option<String>,
    candidates: Vec<Candidate>,
    currency: String,
    extras: Vec<Extra>,
    extras_open: bool,
    damage_note: String,
    photos_note: String,
    known: Vec<String>,
    clocks: Vec<Fact>,
    zone: String,
    reader: String,
    return_id: String,
}

#[derive(Serialize)]
struct VerdictLine {
    tone: &'static str,
    label: &'static str,
    sentence: String,
}

/// Why the last try was not taken.
#[derive(Clone, Serialize)]
pub(super) struct Refused {
    title: String,
    detail: String,
    errors: Vec<String>,
}

impl Refused {
    pub(super) fn new(title: &str, detail: &str, errors: Vec<String>) -> Self {
        Self { title: title.to_owned(), detail: detail.to_owned(), errors }
    }
}

/// What belongs to this very showing of the page.
pub(super) struct Showing<'a> {
    pub(super) token: &'a str,
    pub(super) csrf: String,
    pub(super) reader: String,
    pub(super) refused: Option<Refused>,
    /// What was filled in before; `None` on a first visit.
    pub(super) filled: Option<&'a Form>,
}

/// Makes the page of a sheet.
pub(super) fn face(sheet: &Sheet, showing: Showing<'_>) -> Result<Face, ApiError> {
    let zone = Tz::from_str(&sheet.booking.time_zone).map_err(ApiError::internal)?;
    let report = sheet.report.clone().unwrap_or_default();
    let analysed = sheet.report.is_some() && report.not_analysed.is_none();
    let classes = maybe_new(&report).filter_map(|finding| finding.class.parse::<Class>().ok());
    let empty = Form::default();
    let filled = showing.filled.unwrap_or(&empty);
    let note =
        |verdict: &str| if filled.text("verdict") == verdict { filled.text("note").to_owned() } else { String::new() };
    Ok(Face {
        plate: sheet.booking.plate.clone(),
        car: format!("{} {}", sheet.car.make, sheet.car.model),
        verdict: verdict_line(sheet.report.as_ref()),
        urgent: is_urgent(sheet.now, sheet.next_start, classes),
        clean: analysed && maybe_new(&report).next().is_none(),
        due: sheet.rental_return.decision_due_at.map(|due| moment(due, zone)),
        asked: "You decide; the model only suggests.",
        refused: showing.refused,
        not_analysed: not_analysed(sheet, &report),
        warnings: report.warnings.iter().map(|warning| sentence(warning)).collect(),
        action: format!("/review/{}", showing.token),
        csrf: showing.csrf,
        facts: facts(sheet, zone),
        sides: Slot::ALL.iter().map(|slot| side(sheet, &report, *slot, showing.token)).collect(),
        no_baseline: before(sheet).is_empty(),
        unproven: unproven(&before(sheet)),
        candidates: report.findings.iter().map(|finding| candidate(finding, showing.filled)).collect(),
        currency: sheet.booking.currency.clone(),
        extras: (0..EXTRA_ROWS).map(|row| extra(row, filled)).collect(),
        extras_open: report.findings.is_empty() || filled.has_extras(),
        damage_note: note("damage"),
        photos_note: note("more_photos"),
        known: sheet.known.iter().map(known).collect(),
        clocks: clocks(sheet, zone),
        zone: zone.name().to_owned(),
        reader: showing.reader,
        return_id: sheet.rental_return.id.to_string(),
    })
}

/// The sides of which there is a photo of the pick-up.
fn before(sheet: &Sheet) -> Vec<Slot> {
    let before = sheet.photos.iter().filter(|photo| photo.occasion.0 == Occasion::Pickup);
    before.map(|photo| photo.slot.0).collect()
}

/// Where nothing can be charged although there are photos of the pick-up.
fn unproven(before: &[Slot]) -> Option<String> {
    let lacking: Vec<_> = missing(before).into_iter().map(Slot::as_str).collect();
    let partly = !before.is_empty() && !lacking.is_empty();
    partly.then(|| {
        format!(
            "Without a pick-up photo: {}. Nothing on these sides can be charged to the renter: what you confirm \
             there goes to the register only.",
            lacking.join(", ")
        )
    })
}

/// The findings that a person must look at.
fn maybe_new(report: &Report) -> impl Iterator<Item = &Finding> {
    report.findings.iter().filter(|finding| finding.novelty != Novelty::Known.as_str())
}

fn verdict_line(report: Option<&Report>) -> VerdictLine {
    let line = |tone, label, sentence: String| VerdictLine { tone, label, sentence };
    let Some(report) = report else {
        let words = "The photos are still being looked at. You may wait, or decide by yourself.";
        return line("plain", "INSPECTING", words.to_owned());
    };
    if report.not_analysed.is_some() {
        let words = match report.model {
            Some(_) => "The model did not look at every side. Please compare before and after yourself.",
            None => "No model looked at these photos. Please compare before and after yourself.",
        };
        return line("bad", "NOT ANALYSED", words.to_owned());
    }
    let surest = maybe_new(report).map(|finding| finding.score).fold(0.0, f64::max);
    let compare = "Compare before and after, then decide.";
    match maybe_new(report).count() {
        0 => line(
            "good",
            "CLEAR?",
            "The model found nothing new. Look at the four sides; if you agree, clear the return.".to_owned(),
        ),
        1 => line(
            "warn",
            "REVIEW",
            format!("The model found 1 mark that may be new, with a score of {surest:.2}. {compare}"),
        ),
        marks => line(
            "warn",
            "REVIEW",
            format!("The model found {marks} marks that may be new, the surest with a score of {surest:.2}. {compare}"),
        ),
    }
}

fn not_analysed(sheet: &Sheet, report: &Report) -> Option<String> {
    let has_photos = sheet.photos.iter().any(|photo| photo.occasion.0 == Occasion::Return);
    match &sheet.rental_return.without_photos_reason {
        Some(reason) if !has_photos => Some(format!("Staff took the car back without photos: {}", sentence(reason))),
        _ => report.not_analysed.as_deref().map(sentence),
    }
}

/// With a capital at its beginning and a full stop at its end.
fn sentence(words: &str) -> String {
    let whole = title(words.trim());
    if whole.ends_with(['.', '!', '?']) { whole } else { format!("{whole}.") }
}

fn known(damage: &entity::damage::Model) -> String {
    let panel = damage.panel.map(|panel| format!(", {}", spaced(panel.0.as_str()))).unwrap_or_default();
    let note = damage.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    let place = title(damage.side.0.as_str());
    format!("{place}{panel}: {} ({}){note}", damage.class.0.name(), damage.severity.0)
}

/// With a capital at its beginning.
fn title(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    first + letters.as_str()
}

/// What a model saw, as people read it.
fn class_name(class: &str) -> &'static str {
    class.parse().unwrap_or(Class::Other).name()
}

/// A word of the contract as people read it.
fn spaced(word: &str) -> String {
    word.replace('_', " ")
}
