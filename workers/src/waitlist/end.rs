//! An offer is not taken: declined, or left unanswered (W12, W13).

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::{waitlist_entry, waitlist_offer};
use jobs::{
    Refusal,
    notify::{Announce, News},
    waitlist::{DeclineOffer, ExpireOffer},
};
use rules::{
    problem,
    waitlist::{EntryEvent, OfferEvent, OfferState, Silence, has_expired, silence},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, IntoActiveModel};
use view::waitlist::Offer;

use super::{
    case::{Case, end_offer, follow, illegal, not_found, tail},
    measure,
    supply::clock,
};
use crate::{Ending, JobError, Perform, Work};

impl Perform for DeclineOffer {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let found = Case::of_offer(&tx, self.offer_id).await?;
        let Some((offer, entry, _)) = found.filter(|(offer, ..)| offer.customer_id == self.customer_id) else {
            return Ok(work.refuse(not_found()));
        };
        if offer.state.0 == OfferState::Declined {
            return work.done(tx, Offer::from(offer));
        }
        let now = clock(&tx).await?;
        if let Some(refusal) = ended(&offer, now) {
            return Ok(work.refuse(refusal));
        }

        let offer = end_offer(&tx, &mut work, offer, OfferEvent::Declined, now).await?;
        follow(&tx, entry, EntryEvent::Declined, now).await?;

        work.then(&Announce { news: News::OfferDeclined, subject_id: offer.id, turn: 0 });
        Ok(work.done(tx, Offer::from(offer))?.afterwards(async move { measure::offers("declined", 1) }))
    }
}

/// Why it is too late to say no.
fn ended(offer: &waitlist_offer::Model, now: DateTime<Utc>) -> Option<Refusal> {
    match offer.state.0.after(OfferEvent::Declined) {
        Err(refused) if refused.from == OfferState::Accepted => Some(illegal(refused)),
        Err(refused) => Some(Refusal::new(refused.code(), "This offer has ended already.")),
        Ok(_) if has_expired(now, offer.expires_at) => {
            Some(Refusal::new(problem::OFFER_EXPIRED.code, "The time to answer this offer is over."))
        }
        Ok(_) => None,
    }
}

impl Perform for ExpireOffer {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let Some((offer, entry, _)) = Case::of_offer(&tx, self.offer_id).await? else {
            return Ok(work.skip("the offer is gone"));
        };
        if !offer.state.0.is_live() {
            return Ok(work.skip("the offer has ended already"));
        }
        let now = clock(&tx).await?;
        if !has_expired(now, offer.expires_at) {
            return Ok(work.snooze(until(offer.expires_at, now)));
        }

        let silence = silence(u32::try_from(entry.missed).unwrap_or(u32::MAX));
        let offer = end_offer(&tx, &mut work, offer, OfferEvent::Expired, now).await?;
        let entry = miss(&tx, entry, silence, now).await?;

        work.then(&match silence {
            Silence::ToTail => Announce { news: News::OfferExpired, subject_id: offer.id, turn: 0 },
            Silence::Lapse => Announce { news: News::WaitlistLapsed, subject_id: entry.id, turn: entry.turn },
        });
        Ok(work.done(tx, Offer::from(offer))?.afterwards(async move { measure::offers("expired", 1) }))
    }
}

fn until(moment: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (moment - now).to_std().unwrap_or_default()
}

/// Silent once: to the tail. Silent twice: no more offers until they join again.
async fn miss(
    tx: &DatabaseTransaction,
    entry: waitlist_entry::Model,
    silence: Silence,
    now: DateTime<Utc>,
) -> Result<waitlist_entry::Model, JobError> {
    let missed = entry.missed + 1;
    let mut row = follow(tx, entry, silence.event(), now).await?.into_active_model();
    row.missed = Set(missed);
    if silence == Silence::ToTail {
        row.seq = Set(tail(tx).await?);
    }
    Ok(row.update(tx).await?)
}
