//! What the form offers: the findings of the report, and rows for what the model did not see.

use rules::{
    damage::{Class, Novelty, Panel, Severity, Side},
    money::{Currency, Money},
};
use serde::Serialize;
use view::rental::Finding;

use super::{class_name, sentence, spaced, title};
use crate::{form::Form, review::decimal};

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
    class_name: &'static str,
    score: String,
    reason: String,
    suggested: String,
    ticked: bool,
    amount: String,
    /// Nothing is chosen for a person who has not looked.
    undecided: bool,
    severities: Vec<Choice>,
    /// The class does not tell the panel, so a person may name one.
    panel_open: bool,
    panels: Vec<Choice>,
}

#[derive(Serialize)]
pub(super) struct Extra {
    row: usize,
    note: String,
    amount: String,
    sides: Vec<Choice>,
    panels: Vec<Choice>,
    classes: Vec<Choice>,
    severities: Vec<Choice>,
}

fn choices(words: &[&'static str], chosen: &str) -> Vec<Choice> {
    words.iter().map(|word| Choice { word, name: spaced(word), chosen: *word == chosen }).collect()
}

/// What the report proposes to ask for.
fn proposed(sum: &view::Money) -> Option<String> {
    Some(decimal(Money::new(sum.amount, Currency::new(&sum.currency).ok()?)))
}

pub(super) fn candidate(finding: &Finding, filled: Option<&Form>) -> Candidate {
    let number = finding.number;
    let typed = |name: &str| filled.map(|form| form.text(&format!("{name}-{number}"))).unwrap_or_default();
    let severity = Some(typed("severity")).filter(|word| !word.is_empty()).or(finding.suggested_severity.as_deref());
    let proposed = finding.suggested_estimate.as_ref().filter(|_| filled.is_none()).and_then(proposed);
    let suggested_panel = finding.suggested_panel.map(|panel| panel.0.as_str());
    let panel = Some(typed("panel")).filter(|word| !word.is_empty()).or(suggested_panel);
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
        class_name: class_name(&finding.class),
        score: format!("{:.2}", finding.score),
        reason: sentence(&finding.reason),
        suggested: match &finding.suggested_severity {
            Some(severity) => format!("Suggested severity: {severity}."),
            None => "Not sure enough for a suggestion: manual review.".to_owned(),
        },
        ticked: filled.map_or(finding.novelty == Novelty::New.as_str(), |form| form.finding(number)),
        amount: proposed.unwrap_or_else(|| typed("amount").to_owned()),
        undecided: severity.is_none(),
        severities: choices(Severity::WORDS, severity.unwrap_or_default()),
        panel_open: suggested_panel.is_none(),
        panels: choices(Panel::WORDS, panel.unwrap_or_default()),
    }
}

pub(super) fn extra(row: usize, filled: &Form) -> Extra {
    let class = filled.extra(row, "class");
    let classes = Class::ALL.iter().map(|it| Choice {
        word: it.as_str(),
        name: it.name().to_owned(),
        chosen: it.as_str() == class,
    });
    Extra {
        row,
        note: filled.extra(row, "note").to_owned(),
        amount: filled.extra(row, "amount").to_owned(),
        sides: choices(Side::WORDS, filled.extra(row, "side")),
        panels: choices(Panel::WORDS, filled.extra(row, "panel")),
        classes: classes.collect(),
        severities: choices(Severity::WORDS, filled.extra(row, "severity")),
    }
}
