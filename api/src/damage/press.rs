//! What can be pressed on the page of a case, and what is left of it when it came too late or took too long.

use jobs::{
    Job,
    damage::{AcceptDamage, DisputeDamage, SettleDamage},
    ledger::Entry,
};
use rules::{
    damage::{CaseState, Settlement},
    money::{Currency, Money},
};

use super::face::Sheet;
use crate::{error::ApiError, form::Form, link::Opened, pressed, review::decimal};

/// What the page may show the jobs of.
pub(super) const PRESSED: pressed::Page =
    pressed::Page { kinds: &[AcceptDamage::KIND, DisputeDamage::KIND, SettleDamage::KIND], subject: "case_id" };

/// The buttons of staff.
pub(super) const ANSWERS: [(&str, Settlement); 3] =
    [("uphold", Settlement::Upheld), ("reduce", Settlement::Reduced), ("waive", Settlement::Waived)];

/// Why what was sent has no effect any more, unless it is the very answer that stands.
pub(super) fn in_vain(opened: &Opened, sheet: &Sheet, filled: &Form) -> Option<String> {
    let (case, words) = (&sheet.case, Some(filled.text("words")));
    let settled = || case.settled_by == Some(opened.reader.id) && case.settlement.as_deref() == words;
    let stands = match (filled.press(), case.state.0) {
        ("accept", CaseState::Accepted) => true,
        ("dispute", CaseState::Disputed) => case.dispute.as_deref() == words,
        ("uphold", CaseState::Upheld) | ("reduce", CaseState::Reduced) | ("waive", CaseState::Waived) => settled(),
        _ => false,
    };
    let why = match case.state.0 {
        CaseState::Notified => "the time to answer was over",
        CaseState::Disputed if !sheet.to_customer => "this link had ended",
        CaseState::Accepted | CaseState::Disputed => "it had been answered before",
        _ => "it had been decided before",
    };
    (!stands).then(|| format!("What you sent was not used: {why}."))
}

/// The form that a job came from.
pub(super) fn refilled(job: &Entry, sheet: &Sheet) -> Result<Form, ApiError> {
    let text = |name: &str| job.payload[name].as_str().unwrap_or_default().to_owned();
    let (press, words) = match job.kind.as_str() {
        AcceptDamage::KIND => ("accept", String::new()),
        DisputeDamage::KIND => ("dispute", text("words")),
        _ => (
            ANSWERS.into_iter().find(|(_, it)| it.as_str() == text("settlement")).map_or("", |it| it.0),
            text("reason"),
        ),
    };
    let currency = Currency::new(&sheet.case.currency).map_err(ApiError::internal)?;
    let amount = job.payload["amount"].as_i64().map(|amount| decimal(Money::new(amount, currency)));
    let fields = [("press", press.to_owned()), ("words", words), ("amount", amount.unwrap_or_default())];
    Ok(Form::of(fields.map(|(field, text)| (field.to_owned(), text)).into()))
}
