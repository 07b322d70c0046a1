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
    Ok(match case.state.0.after(event) {
        Err(refused) => Err(illegal(refused)),
        Ok(_) if is_over(&case, now) => {
            let words = "The time to answer is over. Please reply to our mail: a person reads it all the same.";
            Err(Refusal::new(problem::TOO_LATE.code, words))
        }
        Ok(to) => Ok(Asked { case, to, now }),
    })
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

/// Refuses a dispute; its photos go with it.
async fn refuse(work: Work, dispute: &DisputeDamage, refusal: Refusal) -> Result<Ending, JobError> {
    let case = damage_case::Entity::find_by_id(dispute.case_id).one(work.db()).await?;
    let kept = case.map(|case| case.dispute_photos()).transpose()?.unwrap_or_default();
    let (bucket, dispute) = (work.context.bucket.clone(), dispute.clone());
    Ok(work.refuse(refusal).afterwards(async move { attachment::forget(&bucket, &dispute, &kept).await }))
}

/// The clock on the wall where the car of a case belongs.
async fn zone(work: &Work, case_id: Uuid) -> Result<Option<Tz>, JobError> {
    let Some(case) = damage_case::Entity::find_by_id(case_id).one(work.db()).await? else { return Ok(None) };
    let booking = booking::Entity::find_by_id(case.booking_id).one(work.db()).await?;
    Ok(booking.map(|booking| booking.time_zone.parse()).transpose()?)
}

impl Perform for DisputeDamage {
    /// Five photos may have to be fetched and decoded.
    const TIMEOUT: Duration = Duration::from_secs(120);
    const OUTSIDE: bool = true;

    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let Some(zone) = zone(&work, self.case_id).await? else { return refuse(work, &self, not_found()).await };
        let attachments = match attachments(&work, &self, zone).await? {
            Ok(attachments) => attachments,
            Err(refusal) => return refuse(work, &self, refusal).await,
        };
        attachment::keep(&work.context.bucket, self.case_id, &attachments).await?;

        let tx = work.begin().await?;
        let Asked { case, to, now } = match asked(&tx, self.case_id, self.customer_id, CaseEvent::Disputed).await? {
            Ok(asked) => asked,
            Err(refusal) => {
                drop(tx);
                return refuse(work, &self, refusal).await;
            }
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
