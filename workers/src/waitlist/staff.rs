//! Staff act past the order of the queue: with a reason, and written down.

use entity::waitlist_offer;
use jobs::{
    Refusal,
    waitlist::{OfferToEntry, PrioritizeEntry},
};
use rules::{
    problem,
    waitlist::{Answer, EntryState},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel};
use serde_json::json;
use view::waitlist::Offer;

use super::{
    case::{Case, document, illegal, lock_entry, not_found},
    grant::{Grant, follow_up, grant},
    measure,
    supply::{self, best},
};
use crate::{Ending, JobError, Perform, Work, audit_with};

/// Higher or lower than this is a slip of the keyboard.
const HIGHEST_PRIORITY: i32 = 1_000;

impl Perform for OfferToEntry {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        if let Some(offer) = waitlist_offer::Entity::find_by_id(self.offer_id).one(&tx).await? {
            return work.done(tx, Offer::from(offer));
        }
        let Some(supply) = supply::lock(&tx, self.car_id, work.context.settings.waitlist_terms).await? else {
            return Ok(work.refuse(not_found()));
        };
        let Some(entry) = lock_entry(&tx, self.entry_id).await? else {
            return Ok(work.refuse(not_found()));
        };
        if entry.state.0 != EntryState::Waiting {
            return Ok(work.refuse(illegal(format!("the entry is {}, it does not wait", entry.state.0))));
        }

        let is_open = supply.car.status.0.is_rentable();
        let found = best(&entry, &supply.gaps, &supply).filter(|_| is_open);
        let Some((_, Answer::Offer { fit, expires_at })) = found else {
            return Ok(work.refuse(taken()));
        };
        let chosen = Some((self.offered_by, self.reason.clone()));
        let made = grant(&tx, &supply, Grant { offer_id: self.offer_id, entry, fit, expires_at, chosen }).await?;
        let Some(offer) = made else {
            return Ok(work.refuse(unwanted()));
        };
        let detail = json!({ "reason": self.reason, "entryId": self.entry_id, "carId": self.car_id });
        audit_with(&tx, Some(self.offered_by), "offer_to_entry", ("waitlist_offer", offer.id), detail).await?;

        follow_up(&mut work, &offer);
        Ok(work.done(tx, Offer::from(offer))?.afterwards(async move { measure::offers("made", 1) }))
    }
}

fn taken() -> Refusal {
    let words = "This car has no free time for the wish that leaves the person time to answer.";
    Refusal::new(problem::CAR_TAKEN.code, words)
}

fn unwanted() -> Refusal {
    let words = "The person cannot have this now: another offer for that time is open, the account is suspended, \
                 or the price is above their cap.";
    Refusal::new(problem::CONFLICT.code, words)
}

impl Perform for PrioritizeEntry {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        if !(-HIGHEST_PRIORITY..=HIGHEST_PRIORITY).contains(&self.priority) {
            let words = format!("must lie between -{HIGHEST_PRIORITY} and {HIGHEST_PRIORITY}");
            let refusal = Refusal::new(problem::VALIDATION_FAILED.code, "This priority cannot be given.");
            return Ok(work.refuse(refusal.because("/priority", words)));
        }
        let Some((tx, case)) = Case::lock(&work, self.entry_id).await? else { return Ok(work.refuse(not_found())) };
        if !case.entry.state.0.is_active() {
            return Ok(work.refuse(illegal(format!("the entry is {}, it has no place", case.entry.state.0))));
        }

        let (before, version) = (case.entry.priority, case.entry.version + 1);
        let mut row = case.entry.into_active_model();
        row.priority = Set(self.priority);
        row.priority_reason = Set(Some(self.reason.clone()));
        row.version = Set(version);
        row.updated_at = Set(case.now);
        let entry = row.update(&tx).await?;
        let detail = json!({ "from": before, "to": self.priority, "reason": self.reason });
        let subject = ("waitlist_entry", entry.id);
        audit_with(&tx, Some(self.prioritized_by), "prioritize_entry", subject, detail).await?;

        let document = document(&tx, entry).await?;
        work.done(tx, document)
    }
}
