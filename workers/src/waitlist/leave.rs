//! Giving the place up, and taking one again.

use jobs::{
    Refusal,
    notify::{Announce, News},
    waitlist::{LeaveWaitlist, RejoinWaitlist},
};
use rules::{
    booking::Limits,
    problem,
    waitlist::{EntryEvent, EntryState, OfferEvent},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait, IntoActiveModel};

use super::{
    again::look_again,
    case::{Case, document, end_offer, follow, illegal, is_staff, not_found, tail},
    join::retired,
    measure,
    others::{self, Others},
    supply::Wanted,
};
use crate::{Ending, JobError, Perform, Work, audit};

impl Perform for LeaveWaitlist {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let Some((tx, case)) = Case::lock(&work, self.entry_id).await? else { return Ok(work.refuse(not_found())) };
        let theirs = case.entry.customer_id == self.left_by;
        if !theirs && !is_staff(&tx, self.left_by).await? {
            return Ok(work.refuse(not_found()));
        }
        if case.entry.state.0 == EntryState::Left {
            let document = document(&tx, case.entry).await?;
            return work.done(tx, document);
        }
        if let Err(refused) = case.entry.state.0.after(EntryEvent::Left) {
            return Ok(work.refuse(illegal(refused)));
        }

        let entry = follow(&tx, case.entry, EntryEvent::Left, case.now).await?;
        let revoked = case.offer.iter().len();
        if let Some(offer) = case.offer {
            end_offer(&tx, &mut work, offer, OfferEvent::Revoked, case.now).await?;
        }
        audit(&tx, Some(self.left_by), "leave_waitlist", "waitlist_entry", entry.id).await?;

        let document = document(&tx, entry).await?;
        Ok(work.done(tx, document)?.afterwards(async move { measure::offers("revoked", revoked) }))
    }
}

impl Perform for RejoinWaitlist {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let Some((tx, case)) = Case::lock(&work, self.entry_id).await? else { return Ok(work.refuse(not_found())) };
        if case.entry.customer_id != self.customer_id {
            return Ok(work.refuse(not_found()));
        }
        if matches!(case.entry.state.0, EntryState::Waiting | EntryState::Offered) {
            let document = document(&tx, case.entry).await?;
            return work.done(tx, document);
        }
        if let Some(refusal) = obstacle(&tx, &case).await? {
            return Ok(work.refuse(refusal));
        }

        let turn = case.entry.turn + 1;
        let mut row = follow(&tx, case.entry, EntryEvent::Rejoined, case.now).await?.into_active_model();
        row.seq = Set(tail(&tx).await?);
        row.missed = Set(0);
        row.turn = Set(turn);
        let entry = row.update(&tx).await?;

        look_again(&tx, &mut work, &entry).await?;
        work.then(&Announce { news: News::WaitlistJoined, subject_id: entry.id, turn });
        let document = document(&tx, entry).await?;
        work.done(tx, document)
    }
}

/// Why a lapsed entry cannot wait again. What is free now is no reason: it is offered.
async fn obstacle(tx: &impl ConnectionTrait, case: &Case) -> Result<Option<Refusal>, JobError> {
    if let Err(refused) = case.entry.state.0.after(EntryEvent::Rejoined) {
        return Ok(Some(illegal(refused)));
    }
    if let Some(refusal) = Wanted::of(tx, &case.entry).await?.as_ref().and_then(retired) {
        return Ok(Some(refusal));
    }
    if case.entry.latest_start < case.now + Limits::default().lead {
        let words = "It is too late for the dates of this wish. Please wait for others.";
        return Ok(Some(Refusal::new(problem::TOO_LATE.code, words)));
    }
    let customer = entity::account::Entity::find_by_id(case.entry.customer_id).one(tx).await?;
    let Some(customer) = customer else { return Ok(Some(not_found())) };
    let others = Others::count(tx, &customer, &case.entry).await?;
    Ok(others.join(&customer, false).err().map(others::refusal))
}
