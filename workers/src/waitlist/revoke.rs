//! Staff take an offer back, and let its entry wait again (W13).

use jobs::{
    notify::{Announce, News},
    waitlist::{ReinstateEntry, RevokeOffer},
};
use rules::waitlist::{EntryEvent, EntryState, OfferEvent, OfferState};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, IntoActiveModel};
use serde_json::json;
use view::waitlist::Offer;

use super::{
    again::look_again,
    case::{Case, document, end_offer, follow, illegal, not_found},
    measure,
    supply::clock,
};
use crate::{Ending, JobError, Perform, Work, audit_with};

impl Perform for RevokeOffer {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let Some((offer, entry, _)) = Case::of_offer(&tx, self.offer_id).await? else {
            return Ok(work.refuse(not_found()));
        };
        if offer.state.0 == OfferState::Revoked {
            return work.done(tx, Offer::from(offer));
        }
        if let Err(refused) = offer.state.0.after(OfferEvent::Revoked) {
            return Ok(work.refuse(illegal(refused)));
        }

        let now = clock(&tx).await?;
        let mut row = end_offer(&tx, &mut work, offer, OfferEvent::Revoked, now).await?.into_active_model();
        row.reason = Set(Some(self.reason.clone()));
        let offer = row.update(&tx).await?;
        follow(&tx, entry, EntryEvent::Blocked, now).await?;
        let detail = json!({ "reason": self.reason });
        audit_with(&tx, Some(self.revoked_by), "revoke_offer", ("waitlist_offer", offer.id), detail).await?;

        work.then(&Announce { news: News::OfferRevoked, subject_id: offer.id, turn: 0 });
        Ok(work.done(tx, Offer::from(offer))?.afterwards(async move { measure::offers("revoked", 1) }))
    }
}

impl Perform for ReinstateEntry {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let Some((tx, case)) = Case::lock(&work, self.entry_id).await? else { return Ok(work.refuse(not_found())) };
        if matches!(case.entry.state.0, EntryState::Waiting | EntryState::Offered) {
            let document = document(&tx, case.entry).await?;
            return work.done(tx, document);
        }
        if let Err(refused) = case.entry.state.0.after(EntryEvent::Reinstated) {
            return Ok(work.refuse(illegal(refused)));
        }

        let entry = follow(&tx, case.entry, EntryEvent::Reinstated, case.now).await?;
        let detail = json!({ "reason": self.reason });
        audit_with(&tx, Some(self.reinstated_by), "reinstate_entry", ("waitlist_entry", entry.id), detail).await?;

        look_again(&tx, &mut work, &entry).await?;
        let document = document(&tx, entry).await?;
        work.done(tx, document)
    }
}
