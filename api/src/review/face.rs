//! The page as its template wants it: words, places of boxes, chosen options.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::photo;
use rules::{
    account::Phone,
    damage::{Class, Novelty, Severity, Side},
    rental::{Fuel, Occasion, Slot, is_urgent},
};
use serde::Serialize;
use view::rental::{Finding, Report};

use super::{
    form::{EXTRA_ROWS, Form},
    sheet::Sheet,
};
use crate::error::ApiError;

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
    label: String,
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

#[derive(Serialize)]
struct Fact {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct SidePair {
    slot: &'static str,
    name: String,
    photos: [Picture; 2],
}

#[derive(Serialize)]
struct Picture {
    address: Option<String>,
    full: Option<String>,
    width: i32,
    height: i32,
    alt: String,
    caption: String,
    absent: &'static str,
    boxes: Vec<Mark>,
}

/// A numbered box in the pixels of the large copy.
#[derive(Serialize)]
struct Mark {
    number: i32,
    novelty: String,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    tag_x: f64,
    tag_y: f64,
    tag_scale: f64,
}

#[derive(Serialize)]
struct Choice {
    word: &'static str,
    name: String,
    chosen: bool,
}

#[derive(Serialize)]
struct Candidate {
    number: i32,
    novelty: String,
    novelty_name: &'static str,
    side_name: String,
    class_name: String,
    score: String,
    reason: String,
    suggested: String,
    ticked: bool,
    amount: String,
    severities: Vec<Choice>,
}

#[derive(Serialize)]
struct Extra {
    row: usize,
    note: String,
    amount: String,
    sides: Vec<Choice>,
    classes: Vec<Choice>,
    severities: Vec<Choice>,
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
    let marks = report.findings.iter().filter(|finding| finding.novelty != Novelty::Known.as_str()).count();
    let analysed = sheet.report.is_some() && report.not_analysed.is_none();
    let classes = report.findings.iter().filter(|finding| finding.novelty != Novelty::Known.as_str());
    let classes = classes.filter_map(|finding| finding.class.parse::<Class>().ok());
    let empty = Form::default();
    let filled = showing.filled.unwrap_or(&empty);
    let note =
        |verdict: &str| if filled.text("verdict") == verdict { filled.text("note").to_owned() } else { String::new() };
    Ok(Face {
        plate: sheet.booking.plate.clone(),
        car: format!("{} {}", sheet.car.make, sheet.car.model),
        verdict: verdict_line(sheet, &report, marks),
        urgent: is_urgent(sheet.now, sheet.next_start, classes),
        clean: analysed && marks == 0,
        due: sheet.rental_return.decision_due_at.map(|due| moment(due, zone)),
        asked: "You decide; the model only suggests.",
        refused: showing.refused,
        not_analysed: not_analysed(sheet, &report),
        warnings: report.warnings.iter().map(|warning| sentence(warning)).collect(),
        action: format!("/review/{}", showing.token),
        csrf: showing.csrf,
        facts: facts(sheet, zone),
        sides: Slot::ALL.iter().map(|slot| side(sheet, &report, *slot, showing.token)).collect(),
        no_baseline: !sheet.photos.iter().any(|photo| photo.occasion.0 == Occasion::Pickup),
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

fn verdict_line(sheet: &Sheet, report: &Report, marks: usize) -> VerdictLine {
    let line = |tone, label: &str, sentence: &str| VerdictLine {
        tone,
        label: label.to_owned(),
        sentence: sentence.to_owned(),
    };
    if sheet.report.is_none() {
        return line(
            "plain",
            "INSPECTING",
            "The photos are still being looked at. You may wait, or decide by yourself.",
        );
    }
    if report.not_analysed.is_some() {
        return line(
            "bad",
            "NOT ANALYSED",
            "No model looked at these photos. Please compare before and after yourself.",
        );
    }
    let surest = report.findings.iter().filter(|finding| finding.novelty != Novelty::Known.as_str());
    let surest = surest.map(|finding| finding.score).fold(0.0, f64::max);
    match marks {
        0 => line(
            "good",
            "CLEAR?",
            "The model found nothing new. Look at the four sides; if you agree, clear the return.",
        ),
        1 => line(
            "warn",
            "REVIEW",
            &format!(
                "The model found 1 mark that may be new, with a score of {surest:.2}. Compare before and after, then decide."
            ),
        ),
        marks => line(
            "warn",
            "REVIEW",
            &format!(
                "The model found {marks} marks that may be new, the surest with a score of {surest:.2}. Compare before and after, then decide."
            ),
        ),
    }
}

fn not_analysed(sheet: &Sheet, report: &Report) -> Option<String> {
    match &sheet.rental_return.without_photos_reason {
        Some(reason) => Some(format!("Staff took the car back without photos: {}", sentence(reason))),
        None => report.not_analysed.as_deref().map(sentence),
    }
}

/// With a capital at its beginning and a full stop at its end.
fn sentence(words: &str) -> String {
    let mut letters = words.trim().chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    let whole = format!("{first}{}", letters.as_str());
    if whole.ends_with(['.', '!', '?']) { whole } else { format!("{whole}.") }
}

/// `Sat 21 Nov 2026, 14:05`, on the clock of the branch.
pub(super) fn moment(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%a %-d %b %Y, %H:%M").to_string()
}

/// A length of time in its two largest units.
pub(super) fn span(minutes: i64) -> String {
    match (minutes / 1_440, minutes % 1_440 / 60, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

fn facts(sheet: &Sheet, zone: Tz) -> Vec<Fact> {
    let (booking, back) = (&sheet.booking, &sheet.rental_return);
    let fact = |name, value: String| Fact { name, value };
    let phone = sheet.customer.phone.as_deref().and_then(|phone| Phone::new(phone).ok());
    let first_name = sheet.customer.name.split_whitespace().next().unwrap_or("unknown").to_owned();
    let by = if back.opened_by == booking.customer_id { "by the renter" } else { "by staff" };
    let late = match back.late_minutes.unwrap_or(0) {
        0 => "in time".to_owned(),
        minutes => format!("late by {}", span(minutes.into())),
    };
    vec![
        fact("Car", format!("{} {}, {}", sheet.car.make, sheet.car.model, sheet.car.year)),
        fact("Branch", sheet.branch.name.clone()),
        fact("Booking", booking.number.clone()),
        fact("Renter", phone.map_or_else(|| first_name.clone(), |phone| format!("{first_name}, {}", phone.masked()))),
        fact("Booked from", moment(booking.starts_at, zone)),
        fact("Booked to", moment(booking.ends_at, zone)),
        fact("Returned", back.returned_at.map_or("not yet".to_owned(), |at| format!("{}, {by}", moment(at, zone)))),
        fact("In time?", late),
        fact("Odometer", kilometres(booking.odometer_out_km, back.odometer_km)),
        fact("Fuel", fuel(booking.fuel_out, back.fuel)),
    ]
}

fn kilometres(out: Option<i32>, back: Option<i32>) -> String {
    match (out, back) {
        (Some(out), Some(back)) => format!("{out} → {back} km ({} km driven)", back - out),
        (out, back) => format!("{} → {} km", known_or(out), known_or(back)),
    }
}

fn known_or(number: Option<i32>) -> String {
    number.map_or("?".to_owned(), |number| number.to_string())
}

fn fuel(out: Option<f64>, back: Option<f64>) -> String {
    let percent = |level: Option<f64>| level.and_then(|level| Fuel::new(level).ok()).map(Fuel::percent);
    let shown = |percent: Option<i64>| percent.map_or("?".to_owned(), |percent| format!("{percent} %"));
    let missing = percent(out).zip(percent(back)).map_or(0, |(out, back)| out - back);
    let words = if missing > 0 { format!(" ({missing} % missing)") } else { String::new() };
    format!("{} → {}{words}", shown(percent(out)), shown(percent(back)))
}

fn clocks(sheet: &Sheet, zone: Tz) -> Vec<Fact> {
    let fact = |name, value: String| Fact { name, value };
    let in_time = |at: DateTime<Utc>| match (at - sheet.now).num_minutes() {
        minutes if minutes >= 0 => format!("{} (in {})", moment(at, zone), span(minutes)),
        minutes => format!("{} ({} ago)", moment(at, zone), span(-minutes)),
    };
    let release = if sheet.branch.auto_release {
        "When the photos are good and nothing is found, the car is available without waiting for you."
    } else {
        "The car becomes available when the return is decided."
    };
    vec![
        fact("Decision due", sheet.rental_return.decision_due_at.map_or("not set".to_owned(), in_time)),
        fact("Next rental of this car", sheet.next_start.map_or("none booked".to_owned(), in_time)),
        fact("Released", sheet.rental_return.released_at.map_or(release.to_owned(), in_time)),
    ]
}

fn side(sheet: &Sheet, report: &Report, slot: Slot, token: &str) -> SidePair {
    let picture = |occasion: Occasion| {
        let photo = sheet.photos.iter().find(|photo| photo.slot.0 == slot && photo.occasion.0 == occasion);
        picture(sheet, report, occasion, slot, photo, token)
    };
    SidePair {
        slot: slot.as_str(),
        name: title(slot.as_str()),
        photos: [picture(Occasion::Pickup), picture(Occasion::Return)],
    }
}

fn picture(
    sheet: &Sheet,
    report: &Report,
    occasion: Occasion,
    slot: Slot,
    photo: Option<&photo::Model>,
    token: &str,
) -> Picture {
    let caption = match occasion {
        Occasion::Pickup => "At pick-up",
        Occasion::Return => "At return",
    };
    let Some(photo) = photo else {
        let absent = "There is no photo.";
        return Picture {
            address: None,
            full: None,
            width: 0,
            height: 0,
            alt: String::new(),
            caption: caption.to_owned(),
            absent,
            boxes: Vec::new(),
        };
    };
    let copy = sheet.copies.get(&photo.id);
    let (width, height) = copy.map_or((0, 0), |copy| (copy.width, copy.height));
    let findings = report.findings.iter().filter(|finding| finding.photo_id == photo.id);
    let flags: String = photo.warnings.iter().map(|warning| format!(", {}", spaced(warning))).collect();
    Picture {
        address: copy.map(|_| format!("/review/{token}/photo/{}/1600", photo.id)),
        full: Some(format!("/review/{token}/photo/{}/original", photo.id)),
        width,
        height,
        alt: alt(caption, slot, findings.clone()),
        caption: format!("{caption}{flags}"),
        absent: "The large copy is not made yet; open the full picture.",
        boxes: findings.map(|finding| mark(finding, f64::from(width), f64::from(height))).collect(),
    }
}

/// The picture in words, for those who do not see it.
fn alt<'a>(caption: &str, slot: Slot, findings: impl Iterator<Item = &'a Finding>) -> String {
    let marks =
        findings.map(|finding| format!("{} {}, score {:.2}", finding.number, spaced(&finding.class), finding.score));
    let marks: Vec<_> = marks.collect();
    let marks = if marks.is_empty() { "nothing marked".to_owned() } else { format!("marked: {}", marks.join("; ")) };
    format!("{caption}, {slot}: {marks}")
}

/// Of the picture's width: how large a number stands beside its box.
const TAG: f64 = 0.0014;

fn mark(finding: &Finding, width: f64, height: f64) -> Mark {
    let whole = |length: f64| length.round();
    let (x, y) = (whole(finding.region.x * width), whole(finding.region.y * height));
    let radius = 15.0 * TAG * width;
    Mark {
        number: finding.number,
        novelty: finding.novelty.clone(),
        x,
        y,
        width: whole(finding.region.width * width),
        height: whole(finding.region.height * height),
        // Above the corner, but never outside of the picture.
        tag_x: x.clamp(radius, (width - radius).max(radius)),
        tag_y: (y - radius).clamp(radius, (height - radius).max(radius)),
        tag_scale: TAG * width,
    }
}

fn title(word: &str) -> String {
    let words = spaced(word);
    words[..1].to_uppercase() + &words[1..]
}

pub(super) fn spaced(word: &str) -> String {
    word.replace('_', " ")
}

fn choices(words: &[&'static str], chosen: &str) -> Vec<Choice> {
    words.iter().map(|word| Choice { word, name: spaced(word), chosen: *word == chosen }).collect()
}

fn candidate(finding: &Finding, filled: Option<&Form>) -> Candidate {
    let number = finding.number;
    let typed = |name: &str| filled.map(|form| form.text(&format!("{name}-{number}"))).unwrap_or_default();
    let severity = Some(typed("severity")).filter(|word| !word.is_empty()).unwrap_or(&finding.suggested_severity);
    Candidate {
        number,
        novelty: finding.novelty.clone(),
        novelty_name: match finding.novelty.parse() {
            Ok(Novelty::New) => "new",
            Ok(Novelty::Known) => "known before",
            _ => "not certain to be new",
        },
        side_name: title(finding.side.0.as_str()),
        class_name: spaced(&finding.class),
        score: format!("{:.2}", finding.score),
        reason: sentence(&finding.reason),
        suggested: finding.suggested_severity.clone(),
        ticked: filled.map_or(finding.novelty == Novelty::New.as_str(), |form| form.ticked(number)),
        amount: typed("amount").to_owned(),
        severities: choices(Severity::WORDS, severity),
    }
}

fn extra(row: usize, filled: &Form) -> Extra {
    let or = |part: &str, usual: &'static str| match filled.extra(row, part) {
        "" => usual.to_owned(),
        word => word.to_owned(),
    };
    Extra {
        row,
        note: filled.extra(row, "note").to_owned(),
        amount: filled.extra(row, "amount").to_owned(),
        sides: choices(Side::WORDS, &or("side", Side::Front.as_str())),
        classes: choices(Class::WORDS, filled.extra(row, "class")),
        severities: choices(Severity::WORDS, &or("severity", Severity::Minor.as_str())),
    }
}

fn known(damage: &entity::damage::Model) -> String {
    let panel = damage.panel.as_deref().map(|panel| format!(", {}", spaced(panel))).unwrap_or_default();
    let note = damage.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    let place = title(&damage.side);
    format!("{place}{panel}: {} ({}){note}", spaced(damage.class.0.as_str()), damage.severity.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_inside_its_picture() {
        let finding = |x, y| Finding {
            number: 1,
            photo_id: uuid::Uuid::nil(),
            side: Slot::Left.into(),
            class: "dent".to_owned(),
            score: 0.5,
            region: view::rental::Region { x, y, width: 0.1, height: 0.1 },
            novelty: "new".to_owned(),
            reason: String::new(),
            suggested_severity: "minor".to_owned(),
        };
        for (x, y) in [(0.0, 0.0), (0.99, 0.99), (0.5, 0.5)] {
            let mark = mark(&finding(x, y), 1600.0, 1200.0);
            let radius = 14.0 * mark.tag_scale;
            assert!(mark.tag_x >= radius && mark.tag_x <= 1600.0 - radius);
            assert!(mark.tag_y >= radius && mark.tag_y <= 1200.0 - radius);
        }
    }

    #[test]
    fn lengths_of_time_are_told_in_two_units() {
        assert_eq!(span(0), "0 min");
        assert_eq!(span(150), "2 h 30 min");
        assert_eq!(span(3 * 1_440 + 61), "3 d 1 h");
    }

    #[test]
    fn words_become_a_sentence() {
        assert_eq!(sentence("the model is missing"), "The model is missing.");
        assert_eq!(sentence("Ünder."), "Ünder.");
        assert_eq!(sentence(""), ".");
    }
}
