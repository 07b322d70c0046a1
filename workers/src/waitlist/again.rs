//! Who may be asked again, because what stood in the way has ended.

use entity::{waitlist_entry, waitlist_offer};
use jobs::waitlist::PromoteWaitlist;
use rules::{
    period::Period,
    waitlist::{EntryState, OfferState},
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use super::supply::{Bookable, Wanted};
use crate::Work;

/// Somebody is back in the queue: if something is free for them, the queue looks at it.
pub(super) async fn look_again(
    db: &impl ConnectionTrait,
    work: &mut Work,
    entry: &waitlist_entry::Model,
) -> Result<(), DbErr> {
    if let Some(free) = free_for(db, work, entry).await? {
        work.then(&PromoteWaitlist::new(free.car.id));
    }
    Ok(())
}

/// An offer has ended that kept its person from being asked for the same time: their other entries have a chance again.
/// Its own car is looked at anyway.
pub(super) async fn look_at_others(
    db: &impl ConnectionTrait,
    work: &mut Work,
    offer: &waitlist_offer::Model,
) -> Result<(), DbErr> {
    let others = waitlist_entry::Entity::find()
        .filter(waitlist_entry::Column::CustomerId.eq(offer.customer_id))
        .filter(waitlist_entry::Column::State.eq(EntryState::Waiting.as_str()))
        .filter(waitlist_entry::Column::Id.ne(offer.entry_id))
        .order_by_desc(waitlist_entry::Column::Priority)
        .order_by_asc(waitlist_entry::Column::Seq);
    for entry in others.all(db).await? {
        let free = free_for(db, work, &entry).await?;
        if let Some(free) = free.filter(|free| free.car.id != offer.car_id && meets(&free.fit.period, offer)) {
            work.then(&PromoteWaitlist::new(free.car.id));
        }
    }
    Ok(())
}

fn meets(period: &Period, offer: &waitlist_offer::Model) -> bool {
    period.start < offer.ends_at && offer.starts_at < period.end
}

/// The best that the queue could give them now.
async fn free_for(
    db: &impl ConnectionTrait,
    work: &Work,
    entry: &waitlist_entry::Model,
) -> Result<Option<Bookable>, DbErr> {
    let Some(wanted) = Wanted::of(db, entry).await? else { return Ok(None) };
    let free = wanted.bookable(db, entry, work.context.settings.waitlist_terms).await?;
    let declined = waitlist_offer::Entity::find()
        .filter(waitlist_offer::Column::EntryId.eq(entry.id))
        .filter(waitlist_offer::Column::State.eq(OfferState::Declined.as_str()));
    let declined = declined.all(db).await?;
    let unwanted = |free: &Bookable| declined.iter().any(|no| no.car_id == free.car.id && meets(&free.fit.period, no));
    Ok(free.into_iter().find(|free| free.is_open && !unwanted(free)))
}
