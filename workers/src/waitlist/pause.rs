//! Staff stop a waitlist for a while (W17).

use chrono::{DateTime, Utc};
use entity::{branch, car, waitlist_offer};
use jobs::{
    notify::{Announce, News},
    waitlist::{PauseWaitlist, Paused, PromoteWaitlist},
};
use rules::waitlist::{EntryEvent, OfferEvent, OfferState};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    case::{end_offer, follow, lock_entry, not_found},
    measure,
    supply::{clock, lock_branch},
};
use crate::{Ending, JobError, Perform, Work, audit_with};

impl Perform for PauseWaitlist {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let cars = lock_cars(&tx, self.of).await?;
        let now = clock(&tx).await?;
        let since = self.paused.then_some(now);
        let Some(subject) = mark(&tx, self.of, &cars, since).await? else {
            return Ok(work.refuse(not_found()));
        };
        let revoked = match self.paused {
            true => withdraw(&tx, &mut work, &cars, &self.reason, now).await?,
            false => 0,
        };
        let action = if self.paused { "pause_waitlist" } else { "resume_waitlist" };
        let detail = json!({ "reason": self.reason, "offersRevoked": revoked });
        audit_with(&tx, Some(self.paused_by), action, subject, detail).await?;

        if !self.paused {
            for car in &cars {
                work.then(&PromoteWaitlist::new(car.id));
            }
        }
        Ok(work
            .done(tx, json!({ "paused": self.paused, "offersRevoked": revoked }))?
            .afterwards(async move { measure::offers("revoked", revoked) }))
    }
}

/// All cars concerned, always in the same order: nobody makes an offer of any of them meanwhile.
async fn lock_cars(tx: &DatabaseTransaction, of: Paused) -> Result<Vec<car::Model>, DbErr> {
    let concerned = match of {
        Paused::Car(id) => car::Column::Id.eq(id),
        Paused::Branch(id) => car::Column::BranchId.eq(id),
    };
    car::Entity::find().filter(concerned).order_by_asc(car::Column::Id).lock_exclusive().all(tx).await
}

/// Sets or clears the pause; a second pause keeps the time of the first.
async fn mark(
    tx: &DatabaseTransaction,
    of: Paused,
    cars: &[car::Model],
    since: Option<DateTime<Utc>>,
) -> Result<Option<(&'static str, Uuid)>, DbErr> {
    match of {
        Paused::Car(id) => {
            let Some(car) = cars.first() else { return Ok(None) };
            let since = since.map(|now| car.waitlist_paused_at.unwrap_or(now));
            let row = car::ActiveModel { id: Set(id), waitlist_paused_at: Set(since), ..Default::default() };
            row.update(tx).await?;
            Ok(Some(("car", id)))
        }
        Paused::Branch(id) => {
            let Some(branch) = lock_branch(tx, id).await? else { return Ok(None) };
            let since = since.map(|now| branch.waitlist_paused_at.unwrap_or(now));
            let row = branch::ActiveModel { id: Set(id), waitlist_paused_at: Set(since), ..Default::default() };
            row.update(tx).await?;
            Ok(Some(("branch", id)))
        }
    }
}

/// Takes all live offers of these cars back, and says how many; everybody keeps the place and is told.
///
/// # Errors
/// When the database fails.
pub(crate) async fn withdraw(
    tx: &DatabaseTransaction,
    work: &mut Work,
    cars: &[car::Model],
    reason: &str,
    now: DateTime<Utc>,
) -> Result<usize, JobError> {
    let live = waitlist_offer::Entity::find()
        .filter(waitlist_offer::Column::CarId.is_in(cars.iter().map(|car| car.id)))
        .filter(waitlist_offer::Column::State.eq(OfferState::Offered.as_str()))
        .order_by_asc(waitlist_offer::Column::EntryId);
    let mut revoked = 0;
    for offer in live.all(tx).await? {
        let Some(entry) = lock_entry(tx, offer.entry_id).await? else { continue };
        follow(tx, entry, EntryEvent::Withdrawn, now).await?;
        let mut row = end_offer(tx, work, offer, OfferEvent::Revoked, now).await?.into_active_model();
        row.reason = Set(Some(reason.to_owned()));
        let offer = row.update(tx).await?;
        work.then(&Announce { news: News::OfferRevoked, subject_id: offer.id, turn: 0 });
        revoked += 1;
    }
    Ok(revoked)
}
