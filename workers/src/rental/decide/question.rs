//! What a decision means for the case of damage: dismissed, or confirmed with its items.

use entity::{damage_case, photo};
use jobs::rental::DecideReturn;
use rules::{
    damage::CaseEvent,
    rental::{Occasion, Verdict},
};
use sea_orm::{ActiveValue::Set, DatabaseTransaction};
use view::damage::DamageCaseItem;

use super::Hearing;
use crate::{
    JobError, Work,
    damage::case::{Step, advance, of_return, open},
};

/// What is asked for, in minor units: nothing on a side of which nobody can say what was there before.
async fn amount(tx: &DatabaseTransaction, hearing: &Hearing) -> Result<i64, JobError> {
    let photos = photo::Entity::counting(tx, hearing.case.booking.id).await?;
    let before = photos.iter().filter(|photo| photo.occasion.0 == Occasion::Pickup);
    let before: Vec<_> = before.map(|photo| photo.slot.0).collect();
    sum(hearing.claims.iter().filter(|claim| claim.side.0.is_chargeable(&before)))
}

fn sum<'a>(claims: impl Iterator<Item = &'a DamageCaseItem>) -> Result<i64, JobError> {
    let sum = claims.filter_map(|claim| claim.estimate).try_fold(0, i64::checked_add);
    sum.ok_or_else(|| JobError::GiveUp("the estimates are more than a row can hold".to_owned()))
}

async fn take(
    tx: &DatabaseTransaction,
    work: &Work,
    asked: &DecideReturn,
    case: damage_case::Model,
    event: CaseEvent,
    change: impl FnOnce(&mut damage_case::ActiveModel),
) -> Result<(), JobError> {
    let to = case.state.0.after(event).map_err(|refused| JobError::GiveUp(refused.to_string()))?;
    let step = Step { event, actor: Some(asked.decided_by), reason: asked.note.as_deref(), via_link: asked.via_link };
    advance(tx, case, to, step, work.now(), change).await?;
    Ok(())
}

/// Somebody has looked and wants to see more.
pub(super) async fn begin_review(tx: &DatabaseTransaction, work: &Work, asked: &DecideReturn) -> Result<(), JobError> {
    match of_return(tx, asked.return_id).await? {
        Some(case) => take(tx, work, asked, case, CaseEvent::ReviewBegun, |_| {}).await,
        None => Ok(()),
    }
}

/// Dismisses the case or confirms it, which opens it first when only people saw the damage.
pub(super) async fn answer(
    tx: &DatabaseTransaction,
    work: &Work,
    asked: &DecideReturn,
    hearing: &Hearing,
) -> Result<(), JobError> {
    let (rental_return, booking) = (&hearing.rental_return, &hearing.case.booking);
    let damaged = asked.verdict == Verdict::Damage;
    let case = match of_return(tx, rental_return.id).await? {
        Some(case) => case,
        None if damaged => open(tx, rental_return, booking, Some(asked.decided_by), work.now()).await?,
        None => return Ok(()),
    };
    let (estimate, amount) = (sum(hearing.claims.iter())?, amount(tx, hearing).await?);
    let items = serde_json::to_value(&hearing.claims)?;
    let event = if damaged { CaseEvent::Confirmed } else { CaseEvent::Dismissed };
    take(tx, work, asked, case, event, |row| {
        row.items = Set(items);
        row.estimate = Set(estimate);
        row.amount = Set(amount);
        row.note = Set(asked.note.clone());
        row.decided_by = Set(Some(asked.decided_by));
        row.decided_at = Set(Some(work.now()));
    })
    .await
}
