//! The customer's answer to a damage: yes, no, or silence.

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{booking, damage_case, supply::clock};
use jobs::{
    Refusal,
    damage::{AcceptDamage, DisputeDamage, EndDisputeWindow},
    notify::{Announce, News},
};
use rules::{
    damage::{CaseEvent, CaseState},
    problem,
};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, DbErr, EntityTrait};
use uuid::Uuid;
use view::damage::DamageCase;

use super::{
    attachment::{self, attachments},
    case::{Step, advance, not_found},
};
use crate::{Ending, JobError, Perform, Work, rental::illegal};

/// A case that can be answered, and what the answer makes of it.
struct Asked {
    case: damage_case::Model,
    to: CaseState,
    now: DateTime<Utc>,
}

/// Locks the case of this customer; refuses an answer that comes twice or too late.
async fn asked(
    tx: &DatabaseTransaction,
    case_id: Uuid,
    customer_id: Uuid,
    event: CaseEvent,
) -> Result<Result<Asked, Refusal>, DbErr> {
    let case = damage_case::Entity::locked(case_id).one(tx).await?;
    let Some(case) = case.filter(|case| case.customer_id == customer_id) else { return Ok(Err(not_found())) };
    let now = clock(tx).await?;
    Ok(answered(&case, event, now).map(|to| Asked { case, to, now }))
}

/// What an answer makes of a case; refuses one that comes twice or too late.
fn answered(case: &damage_case::Model, event: CaseEvent, now: DateTime<Utc>) -> Result<CaseState, Refusal> {
    let to = case.state.0.after(event).map_err(illegal)?;
    if is_over(case, now) {
        let words = "The time to answer is over. Please reply to our mail: a person reads it all the same.";
        return Err(Refusal::new(problem::TOO_LATE.code, words));
    }
    Ok(to)
}

/// The boundary is inclusive, and whoever looks tests it.
fn is_over(case: &damage_case::Model, now: DateTime<Utc>) -> bool {
    case.respond_by.is_none_or(|respond_by| respond_by <= now)
}

impl Perform for AcceptDamage {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let Asked { case, to, now } = match asked(&tx, self.case_id, self.customer_id, CaseEvent::Accepted).await? {
            Ok(asked) => asked,
            Err(refusal) => {
                return Ok(work.refuse(refusal));
            }
        };

        let actor = Some(self.customer_id);
        let step = Step { event: CaseEvent::Accepted, actor, reason: None, via_link: self.via_link };
        let case = advance(&tx, case, to, step, now, |_| {}).await?;

        work.done(tx, DamageCase::try_from(case)?)
    }
}

/// The clock on the wall where the car of a case belongs.
async fn zone(work: &Work, case: &damage_case::Model) -> Result<Option<Tz>, JobError> {
    let booking = booking::Entity::find_by_id(case.booking_id).one(work.db()).await?;
    Ok(booking.map(|booking| booking.time_zone.parse()).transpose()?)
}

impl Perform for DisputeDamage {
    /// Five photos may have to be fetched and decoded.
    const TIMEOUT: Duration = Duration::from_secs(120);
    const OUTSIDE: bool = true;

    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let seen = damage_case::Entity::find_by_id(self.case_id).one(work.db()).await?;
        let Some(seen) = seen.filter(|case| case.customer_id == self.customer_id) else {
            return Ok(work.refuse(not_found()));
        };
        // Before its photos are kept, so that what is refused for what the case is leaves nothing beside those that count.
        if let Err(refusal) = answered(&seen, CaseEvent::Disputed, clock(work.db()).await?) {
            return Ok(work.refuse(refusal));
        }
        let Some(zone) = zone(&work, &seen).await? else { return Ok(work.refuse(not_found())) };
        let attachments = match attachments(&work, &self, zone).await? {
            Ok(attachments) => attachments,
            Err(refusal) => return Ok(work.refuse(refusal)),
        };
        attachment::keep(&work.context, self.case_id, &attachments).await?;

        let tx = work.begin().await?;
        let Asked { case, to, now } = match asked(&tx, self.case_id, self.customer_id, CaseEvent::Disputed).await? {
            Ok(asked) => asked,
            Err(refusal) => return Ok(work.refuse(refusal)),
        };

        let (event, actor) = (CaseEvent::Disputed, Some(self.customer_id));
        let step = Step { event, actor, reason: Some(&self.words), via_link: self.via_link };
        let words = self.words.clone();
        let photos: Vec<_> = attachments.into_iter().map(|attachment| attachment.photo).collect();
        let photos = serde_json::to_value(photos)?;
        let case = advance(&tx, case, to, step, now, |row| {
            row.dispute = Set(Some(words));
            row.dispute_photos = Set(photos);
            row.disputed_at = Set(Some(now));
        })
        .await?;

        work.then(&Announce { news: News::DamageDisputed, subject_id: case.return_id, turn: 0 });
        work.done(tx, DamageCase::try_from(case)?)
    }
}

impl Perform for EndDisputeWindow {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let Some(case) = damage_case::Entity::locked(self.case_id).one(&tx).await? else {
            return Ok(work.skip("the case is gone"));
        };
        let Ok(to) = case.state.0.after(CaseEvent::WindowPassed) else {
            return Ok(work.skip("the customer has answered, or nobody waits for it"));
        };
        let now = clock(&tx).await?;
        if let Some(respond_by) = case.respond_by.filter(|respond_by| now < *respond_by) {
            return Ok(work.snooze((respond_by - now).to_std().unwrap_or_default()));
        }

        let step = Step { event: CaseEvent::WindowPassed, actor: None, reason: None, via_link: false };
        let case = advance(&tx, case, to, step, now, |_| {}).await?;

        work.then(&Announce { news: News::DamageSettled, subject_id: case.return_id, turn: case.version });
        work.done(tx, DamageCase::try_from(case)?)
    }
}
