//! A case of damage and its steps: each is one new state with one line in the audit log.

use chrono::{DateTime, Utc};
use entity::{account, booking, damage_case, rental_return};
use jobs::{Refusal, damage::EndDisputeWindow};
use rules::{
    damage::{CaseEvent, CaseState, DISPUTE_WINDOW},
    problem,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use crate::{Work, audit_with};

/// What happens to a case, by whom and why.
pub(crate) struct Step<'a> {
    pub(crate) event: CaseEvent,
    /// `None`: time has passed.
    pub(crate) actor: Option<Uuid>,
    pub(crate) reason: Option<&'a str>,
    pub(crate) via_link: bool,
}

/// The case of a return, locked; `None` while nobody and nothing has asked the question.
pub(crate) async fn of_return(tx: &DatabaseTransaction, return_id: Uuid) -> Result<Option<damage_case::Model>, DbErr> {
    damage_case::Entity::of_return(return_id).lock_exclusive().one(tx).await
}

/// Opens the case of a return: the model saw a candidate, or a person something that it did not see.
pub(crate) async fn open(
    tx: &DatabaseTransaction,
    rental_return: &rental_return::Model,
    booking: &booking::Model,
    actor: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<damage_case::Model, DbErr> {
    let row = damage_case::ActiveModel {
        id: Set(Uuid::now_v7()),
        return_id: Set(rental_return.id),
        booking_id: Set(booking.id),
        car_id: Set(rental_return.car_id),
        branch_id: Set(booking.branch_id),
        customer_id: Set(booking.customer_id),
        state: Set(CaseState::Open.into()),
        currency: Set(booking.currency.clone()),
        items: Set(json!([])),
        estimate: Set(0),
        amount: Set(0),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    };
    let case = row.insert(tx).await?;
    let opened = json!({ "to": CaseState::Open, "returnId": rental_return.id });
    audit_with(tx, actor, "damage_case_opened", ("damage_case", case.id), opened).await?;
    Ok(case)
}

/// Takes a case to `to`, where [`CaseState::after`] has led, with whatever else `change` says.
pub(crate) async fn advance(
    tx: &DatabaseTransaction,
    case: damage_case::Model,
    to: CaseState,
    step: Step<'_>,
    now: DateTime<Utc>,
    change: impl FnOnce(&mut damage_case::ActiveModel),
) -> Result<damage_case::Model, DbErr> {
    let (from, version) = (case.state.0, case.version + 1);
    let mut row = case.into_active_model();
    row.state = Set(to.into());
    row.version = Set(version);
    row.updated_at = Set(now);
    change(&mut row);
    let case = row.update(tx).await?;
    let detail = json!({
        "from": from, "to": to, "reason": step.reason, "amount": case.amount, "currency": case.currency,
        "via": step.actor.map(|_| if step.via_link { "link" } else { "login" }),
    });
    let action = format!("damage_case_{}", step.event);
    audit_with(tx, step.actor, &action, ("damage_case", case.id), detail).await?;
    Ok(case)
}

/// The customer knows of it from now on, and has a week to see it differently.
pub(crate) async fn told(
    tx: &DatabaseTransaction,
    work: &mut Work,
    case: damage_case::Model,
    step: Step<'_>,
    now: DateTime<Utc>,
) -> Result<damage_case::Model, DbErr> {
    let Ok(to) = case.state.0.after(CaseEvent::CustomerTold) else { return Ok(case) };
    let respond_by = now + DISPUTE_WINDOW;
    work.then_at(&EndDisputeWindow { case_id: case.id }, respond_by);
    advance(tx, case, to, step, now, |row| {
        row.notified_at = Set(Some(now));
        row.respond_by = Set(Some(respond_by));
    })
    .await
}

/// Whether this person decides what happens at that branch.
pub(crate) async fn may_decide(db: &impl ConnectionTrait, person: Uuid, branch: Uuid) -> Result<bool, DbErr> {
    let person = account::Entity::find_by_id(person).filter(account::Column::SuspendedAt.is_null());
    let person = person.one(db).await?;
    Ok(person.is_some_and(|person| person.role.0.decides(person.branch_id == Some(branch))))
}

/// Whoever decides judges no rental of their own.
pub(crate) fn own_rental(person: Uuid, customer: Uuid) -> Option<Refusal> {
    let words = "Nobody decides about their own rental. Another admin can, or whoever runs the branch.";
    (person == customer).then(|| Refusal::new(problem::FORBIDDEN.code, words))
}

/// Answered to strangers too, so that nobody learns which cases exist.
pub(super) fn not_found() -> Refusal {
    Refusal::new(problem::NOT_FOUND.code, "There is no such damage case.")
}
