//! The page as its template wants it: words, places of boxes, chosen options.

mod choice;
mod fact;
mod picture;

use std::str::FromStr;

use chrono_tz::Tz;
use rules::{
    damage::{Class, Novelty},
    rental::{Occasion, Slot, is_urgent},
};
use serde::Serialize;
use view::rental::{Finding, Report};

pub(super) use self::fact::moment;
use self::{
    choice::{Candidate, Extra, candidate, extra},
    fact::{Fact, clocks, facts},
    picture::{SidePair, side},
};
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
        let words = "No model looked at these photos. Please compare before and after yourself.";
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
    match &sheet.rental_return.without_photos_reason {
        Some(reason) => Some(format!("Staff took the car back without photos: {}", sentence(reason))),
        None => report.not_analysed.as_deref().map(sentence),
    }
}

/// With a capital at its beginning and a full stop at its end.
fn sentence(words: &str) -> String {
    let whole = title(words.trim());
    if whole.ends_with(['.', '!', '?']) { whole } else { format!("{whole}.") }
}

fn known(damage: &entity::damage::Model) -> String {
    let panel = damage.panel.as_deref().map(|panel| format!(", {}", spaced(panel))).unwrap_or_default();
    let note = damage.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    let place = title(&damage.side);
    format!("{place}{panel}: {} ({}){note}", spaced(damage.class.0.as_str()), damage.severity.0)
}

/// With a capital at its beginning.
fn title(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    first + letters.as_str()
}

/// A word of the contract as people read it.
pub(super) fn spaced(word: &str) -> String {
    word.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        page::{Frame, Page},
        review::sample,
    };

    fn html(sheet: &Sheet, filled: Option<&Form>) -> String {
        let refused =
            filled.map(|_| Refused::new("Nothing was decided", "Please look again.", vec!["A note.".to_owned()]));
        let showing = Showing { token: "T", csrf: "C".to_owned(), reader: "Admin".to_owned(), refused, filled };
        let face = face(sheet, showing).unwrap();
        Page::Review.html(Frame { title: "T", aside: "" }, &face).unwrap()
    }

    #[test]
    fn the_page_shows_all_that_the_decision_needs() {
        let page = html(&sample::sheet(), None);
        for words in [
            "ABC-123",
            "URGENT",
            "late by 1 h 35 min",
            "12000 → 12345 km (345 km driven)",
            "50 % missing",
            "Marlene, •••456",
            "&lt;b&gt;front&lt;/b&gt;: blurred",
            "Left, door: dent (minor): as big as a coin",
            "taken earlier",
            "/review/T/photo/00000000-0000-0000-0000-000000000064/1600",
            "The large copy is not made yet",
            "There is no photo.",
            "2 possible new marks",
            "glass shatter",
        ] {
            assert!(page.contains(words), "{words}");
        }
        assert!(!page.contains("Example</") && !page.contains("<b>front") && !page.contains("<script"));
        assert_eq!(page.matches("class=\"box ").count(), 3);
    }

    #[test]
    fn what_is_certainly_new_is_ticked_until_somebody_unticks_it() {
        let ticked = |page: &str, number: i32| page.contains(&format!("value=\"{number}\" checked"));
        let first = html(&sample::sheet(), None);
        assert!(ticked(&first, 1) && !ticked(&first, 2) && !ticked(&first, 3));
        let form = Form::parse(b"verdict=damage&finding=3&amount-3=99&note=Look+here&extra-0-note=Roof+%3Ci%3E");
        let again = html(&sample::sheet(), Some(&form));
        assert!(!ticked(&again, 1) && ticked(&again, 3));
        assert!(
            again.contains("value=\"99\"")
                && again.contains("Look here</textarea>")
                && again.contains("Roof &lt;i&gt;")
        );
        assert!(again.contains("<details open>") && again.contains("<li>A note.</li>"));
    }

    #[test]
    fn a_sure_finding_is_filled_in_and_a_doubtful_one_is_left_to_the_person() {
        let page = html(&sample::sheet(), None);
        assert!(page.contains("name=\"amount-1\" inputmode=\"decimal\" autocomplete=\"off\" value=\"450.00\""));
        assert!(page.contains("name=\"amount-3\" inputmode=\"decimal\" autocomplete=\"off\" value=\"\""));
        assert!(page.contains("name=\"severity-3\"><option value=\"\">choose</option>"));
        assert!(page.contains("Not sure enough for a suggestion: manual review."));
    }

    /// What the Tab key comes to, in its order: without `tabindex` that is the order of the document.
    fn stops(page: &str) -> Vec<&str> {
        let starts = ["<a ", "<button", "<input", "<select", "<textarea", "<summary"];
        let tags = page.match_indices('<').map(|(at, _)| page[at..].split_once('>').map_or("", |(tag, _)| tag));
        tags.filter(|tag| starts.iter().any(|start| tag.starts_with(start)) && !tag.contains("hidden")).collect()
    }

    #[test]
    fn the_keyboard_alone_reaches_everything_in_the_order_of_the_work() {
        let page = html(&sample::sheet(), None);
        assert!(!page.contains("tabindex") && !page.contains(" onclick"));
        let stops = stops(&page);
        let place = |part: &str| stops.iter().position(|tag| tag.contains(part)).unwrap_or_else(|| panic!("{part}"));
        assert_eq!(place("class=\"skip\""), 0);
        let order = [
            "<button",
            "#damage",
            "#more-photos",
            "/original",
            "value=\"1\"",
            "severity-1",
            "amount-1",
            "<summary",
            "extra-0-side",
            "damage-note",
            "photos-note",
        ];
        let places: Vec<_> = order.iter().map(|part| place(part)).collect();
        assert!(places.is_sorted(), "{places:?}");
        for field in stops.iter().filter_map(|tag| tag.split_once(" id=\"")?.1.split('"').next()) {
            assert!(page.contains(&format!("<label for=\"{field}\"")), "{field} has no label");
        }
    }

    #[test]
    fn a_return_without_report_or_photos_can_be_decided_too() {
        let mut sheet = sample::sheet();
        sheet.report = None;
        sheet.photos.clear();
        assert!(html(&sheet, None).contains("nothing can be charged to the renter"));
        sheet.report = Some(Report { not_analysed: Some("no model".to_owned()), ..Report::default() });
        assert!(html(&sheet, None).contains("<strong>NOT ANALYSED.</strong> No model."));
    }

    #[test]
    fn words_become_a_sentence() {
        assert_eq!(sentence("the model is missing"), "The model is missing.");
        assert_eq!(sentence("über."), "Über.");
        assert_eq!(sentence(""), ".");
    }

    #[test]
    fn the_verdict_says_what_is_asked() {
        assert_eq!(verdict_line(None).label, "INSPECTING");
        assert_eq!(verdict_line(Some(&Report::default())).label, "CLEAR?");
        let not_analysed = Report { not_analysed: Some("no model".to_owned()), ..Report::default() };
        assert_eq!(verdict_line(Some(&not_analysed)).label, "NOT ANALYSED");
    }
}
