//! What the form offers: the findings of the report, and rows for what the model did not see.

use rules::damage::{Class, Novelty, Severity, Side};
use serde::Serialize;
use view::rental::Finding;

use super::{sentence, spaced, title};
use crate::review::form::Form;

#[derive(Serialize)]
struct Choice {
    word: &'static str,
    name: String,
    chosen: bool,
}

#[derive(Serialize)]
pub(super) struct Candidate {
    number: i32,
    novelty: String,
    novelty_name: &'static str,
    side: &'static str,
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
pub(super) struct Extra {
    row: usize,
    note: String,
    amount: String,
    sides: Vec<Choice>,
    classes: Vec<Choice>,
    severities: Vec<Choice>,
}

fn choices(words: &[&'static str], chosen: &str) -> Vec<Choice> {
    words.iter().map(|word| Choice { word, name: spaced(word), chosen: *word == chosen }).collect()
}

pub(super) fn candidate(finding: &Finding, filled: Option<&Form>) -> Candidate {
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
        side: finding.side.0.as_str(),
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

pub(super) fn extra(row: usize, filled: &Form) -> Extra {
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
