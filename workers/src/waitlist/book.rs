//! Whoever waits takes what is free now: the first to book has it (W9).

use entity::{account, booking, waitlist_entry};
use jobs::{
    Refusal,
    notify::{Announce, News},
    waitlist::BookFreeTime,
};
use rules::{
    problem,
    waitlist::{EntryEvent, EntryState},
};
use sea_orm::{DatabaseTransaction, EntityTrait};
use view::booking::Booking;

use super::{
    case::{follow, fulfil, illegal, lock_entry, not_found},
    measure,
    supply::{self, Bookable, Supply},
};
use crate::{
    Ending, JobError, Perform, Work,
    booking::{Fresh, book, obstacle},
};

impl Perform for BookFreeTime {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let supply = supply::lock(&tx, self.car_id, work.context.settings.waitlist_terms).await?;
        let entry = lock_entry(&tx, self.entry_id).await?.filter(|entry| entry.customer_id == self.customer_id);
        let Some((supply, entry)) = supply.zip(entry) else {
            return Ok(work.refuse(not_found()));
        };
        if let Some(booking) = booking::Entity::find_by_id(self.booking_id).one(&tx).await? {
            return work.done(tx, Booking::from(booking));
        }

        let free = match decide(&tx, &self, &supply, &entry).await? {
            Ok(free) => free,
            Err(refusal) => {
                return Ok(work.refuse(refusal));
            }
        };
        let now = supply.moment.now;
        let busy = free.fit.period.with_turnaround(supply.moment.turnaround_minutes);
        let total = free.quote.total;
        let fresh = Fresh {
            id: self.booking_id,
            customer_id: self.customer_id,
            car_id: supply.car.id,
            plate: &supply.car.plate,
            branch_id: supply.branch.id,
            time_zone: &supply.branch.time_zone,
            period: free.fit.period,
            quote: entity::Quote(free.quote),
        };
        let Some(booking) = book(&tx, (fresh.row(&work, now), busy)).await? else {
            return Ok(work.refuse(taken()));
        };
        let entry = follow(&tx, entry, EntryEvent::Booked, now).await?;
        fulfil(&tx, entry, &booking).await?;

        work.then(&Announce { news: News::BookingConfirmed, subject_id: booking.id, turn: 0 });
        Ok(work
            .done(tx, Booking::from(booking))?
            .afterwards(async move { measure::recovered(total.amount, total.currency.as_str()) }))
    }
}

/// What was shown, if it still is so; or why they cannot have it.
async fn decide(
    tx: &DatabaseTransaction,
    asked: &BookFreeTime,
    supply: &Supply,
    entry: &waitlist_entry::Model,
) -> Result<Result<Bookable, Refusal>, JobError> {
    if entry.state.0 != EntryState::Waiting {
        return Ok(Err(illegal(format!("the entry is {}, it does not wait", entry.state.0))));
    }
    let customer = account::Entity::find_by_id(asked.customer_id).one(tx).await?;
    let suspended = customer.is_none_or(|customer| customer.is_suspended());
    if let Some(refusal) = obstacle(suspended, supply.car.status.0) {
        return Ok(Err(refusal));
    }
    let Some(free) = supply.bookable(entry)?.filter(Bookable::is_first_come) else { return Ok(Err(taken())) };
    let shown = (free.fit.period.start, free.fit.period.end, free.quote.total.amount);
    if shown != (asked.start, asked.end, asked.total) {
        let words = "What is free, or its price, has changed since it was shown. Please look again.";
        return Ok(Err(Refusal::new(problem::CONFLICT.code, words)));
    }
    Ok(Ok(free))
}

fn taken() -> Refusal {
    Refusal::new(problem::ALREADY_TAKEN.code, "Somebody else has it now. You keep your place in the queue.")
}
