//! What stands behind a link once there is nothing left to decide, or nothing to decide with.

use std::str::FromStr;

use chrono_tz::Tz;
use entity::rental_return::{Entity, Model};
use jobs::rental::DecideReturn;
use poem::{Response, http::StatusCode};
use rules::{
    money::{Currency, Money},
    rental::Verdict,
};
use sea_orm::EntityTrait;
use uuid::Uuid;
use view::{damage::DamageCaseItem, rental::Decision};

use super::face::moment;
use crate::{error::ApiError, form::Form, front::Front, offer::PENDING, page::Done, pressed::again};

/// The decision was accepted and is being carried out.
pub(super) fn pending(token: &str, job: Uuid) -> Response {
    Done {
        tone: "plain",
        label: "ACCEPTED",
        heading: "Your decision is being carried out".to_owned(),
        sentence: PENDING.to_owned(),
        again: Some(again(&format!("/review/{token}"), job)),
        ..Done::default()
    }
    .show(StatusCode::ACCEPTED)
}

/// The customer is asked for better photos; the return stays undecided.
fn more_photos(note: Option<String>) -> Response {
    Done {
        tone: "warn",
        label: "MORE PHOTOS",
        heading: "Better photos are asked for".to_owned(),
        sentence:
            "The customer gets a mail with your note. When the new photos are there, a new mail brings you a new link."
                .to_owned(),
        note,
        ..Done::default()
    }
    .show(StatusCode::OK)
}

/// What the form that was just sent came to.
pub(super) async fn by_form(front: &Front, asked: &DecideReturn) -> Result<Response, ApiError> {
    if asked.verdict == Verdict::MorePhotos {
        return Ok(more_photos(asked.note.clone()));
    }
    let id = asked.return_id;
    let rental_return = Entity::find_by_id(id).one(&front.db).await?.ok_or_else(ApiError::not_found)?;
    decided(front, &rental_return, StatusCode::OK, None).await
}

/// Who decided what and when; and that a form that was `sent` too late has changed nothing, unless it says the same.
pub(super) async fn decided(
    front: &Front,
    rental_return: &Model,
    status: StatusCode,
    sent: Option<&Form>,
) -> Result<Response, ApiError> {
    let booking = entity::booking::Entity::find_by_id(rental_return.booking_id).one(&front.db).await?;
    let booking = booking.ok_or_else(ApiError::not_found)?;
    let by = match rental_return.decided_by {
        Some(id) => entity::account::Entity::find_by_id(id).one(&front.db).await?.map(|account| account.name),
        None => None,
    };
    let zone = Tz::from_str(&booking.time_zone).map_err(ApiError::internal)?;
    let at = rental_return.decided_at.map(|at| format!(" on {} ({})", moment(at, zone), zone.name()));
    let who = format!("{}{}", by.unwrap_or_else(|| "a colleague".to_owned()), at.unwrap_or_default());
    let (tone, label, what, then) = outcome(rental_return.verdict.map(|verdict| verdict.0));
    let decision = Decision::of(rental_return)?;
    let stands = |form: &Form| {
        let note = decision.as_ref().and_then(|decision| decision.note.as_deref()).unwrap_or_default();
        let verdict = rental_return.verdict.map_or("", |verdict| verdict.0.as_str());
        (form.text("verdict"), form.text("note")) == (verdict, note)
    };
    let in_vain = sent.filter(|form| !stands(form));
    let currency = Currency::new(&booking.currency).map_err(ApiError::internal)?;
    let items = decision.iter().flat_map(|decision| &decision.findings).map(|item| line(item, currency)).collect();
    let done = Done {
        tone,
        label,
        heading: format!("{}: {what}", booking.plate),
        sentence: format!("Decided by {who}. {then}"),
        items,
        unused: in_vain.map(|_| "What you sent was not used: it had been decided before.".to_owned()),
        typed: in_vain.map(|form| form.text("note").to_owned()).filter(|note| !note.is_empty()),
        note: decision.and_then(|decision| decision.note),
        again: None,
    };
    Ok(done.show(status))
}

fn outcome(verdict: Option<Verdict>) -> (&'static str, &'static str, &'static str, &'static str) {
    match verdict {
        Some(Verdict::Clear) => ("good", "CLEAR", "no new damage", "The customer is told that all is well."),
        Some(Verdict::Damage) => (
            "bad",
            "DAMAGE",
            "damage confirmed",
            "The customer is told with the photos, the items and how to dispute them.",
        ),
        Some(Verdict::MorePhotos) | None => ("plain", "DECIDED", "decided", ""),
    }
}

/// One confirmed item in words.
fn line(item: &DamageCaseItem, currency: Currency) -> String {
    let amount = item.estimate.map(|amount| format!(", {}", Money::new(amount, currency)));
    let note = item.note.as_ref().map(|note| format!(": {note}"));
    format!(
        "{}: {}, {}{}{}",
        item.place(),
        item.class.0.name(),
        item.severity.0,
        amount.unwrap_or_default(),
        note.unwrap_or_default()
    )
}
