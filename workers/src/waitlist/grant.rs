//! Making one offer: the row, the hold, and what follows from both.

use chrono::{DateTime, Utc};
use entity::{waitlist_entry, waitlist_offer};
use jobs::{
    notify::{Announce, News},
    waitlist::ExpireOffer,
};
use rules::waitlist::{EntryEvent, Fit, OfferState, reminder_at};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, Statement,
    sea_query::OnConflict,
};
use uuid::Uuid;

use super::{case, supply::Supply};
use crate::{JobError, Work, reservation};

/// What is offered to whom, and until when.
pub(super) struct Grant {
    pub(super) offer_id: Uuid,
    pub(super) entry: waitlist_entry::Model,
    pub(super) fit: Fit,
    pub(super) expires_at: DateTime<Utc>,
    /// The member of staff who chose the entry, and why; `None` when it was its turn.
    pub(super) chosen: Option<(Uuid, String)>,
}

/// Locks the entry, unless it waits no more, its person may not rent, thinks about another offer
/// for that time, or has declined this car for it before (W7, W13).
const MAY_HAVE: &str = "
    select e.id from waitlist_entry e join account a on a.id = e.customer_id
    where e.id = $1 and e.state = 'waiting' and a.suspended_at is null
      and not exists (select from waitlist_offer o where o.entry_id = e.id and o.car_id = $2 and o.state = 'declined'
                      and $5 and tstzrange(o.starts_at, o.ends_at) && tstzrange($3, $4))
      and not exists (select from waitlist_offer o where o.customer_id = e.customer_id and o.state = 'offered'
                      and tstzrange(o.starts_at, o.ends_at) && tstzrange($3, $4))
    for no key update of e";

/// Offers a car's time to an entry, unless they do not go together. The car and its branch are locked.
///
/// # Errors
/// When the database fails, or something is in the way that the locks exclude.
pub(super) async fn grant(
    tx: &DatabaseTransaction,
    supply: &Supply,
    grant: Grant,
) -> Result<Option<waitlist_offer::Model>, JobError> {
    let quote = supply.quote(&grant.entry, grant.fit.period)?;
    if grant.entry.is_too_dear(quote.total) || !may_have(tx, supply, &grant).await? {
        return Ok(None);
    }
    let row = waitlist_offer::ActiveModel {
        id: Set(grant.offer_id),
        entry_id: Set(grant.entry.id),
        customer_id: Set(grant.entry.customer_id),
        car_id: Set(supply.car.id),
        branch_id: Set(supply.branch.id),
        starts_at: Set(grant.fit.period.start),
        ends_at: Set(grant.fit.period.end),
        time_zone: Set(supply.branch.time_zone.clone()),
        exact: Set(grant.fit.exact && grant.entry.is_for(&supply.car)),
        total: Set(quote.total.amount),
        currency: Set(quote.total.currency.as_str().to_owned()),
        quote: Set(entity::Quote(quote)),
        state: Set(OfferState::Offered.into()),
        expires_at: Set(grant.expires_at),
        offered_by: Set(grant.chosen.as_ref().map(|(person, _)| *person)),
        reason: Set(grant.chosen.map(|(_, reason)| reason)),
        created_at: Set(supply.moment.now),
        ended_at: NotSet,
        booking_id: NotSet,
    };
    // Another branch may offer the same person the same time just now; then that one stands.
    let unless_another = OnConflict::new().do_nothing().to_owned();
    let made = waitlist_offer::Entity::insert(row).on_conflict(unless_another).exec_without_returning(tx).await?;
    if made == 0 {
        return Ok(None);
    }
    let busy = grant.fit.period.with_turnaround(supply.moment.turnaround_minutes);
    if !reservation::hold(tx, supply.car.id, busy, grant.offer_id, grant.expires_at).await? {
        return Err(JobError::Retry(anyhow::anyhow!("time of a locked car was taken by somebody without its lock")));
    }
    case::follow(tx, grant.entry, EntryEvent::Offered, supply.moment.now).await?;
    Ok(waitlist_offer::Entity::find_by_id(grant.offer_id).one(tx).await?)
}

async fn may_have(tx: &DatabaseTransaction, supply: &Supply, grant: &Grant) -> Result<bool, DbErr> {
    let (start, end) = (grant.fit.period.start.into(), grant.fit.period.end.into());
    // Staff may well offer again what was declined: they have talked to each other.
    let in_turn = grant.chosen.is_none();
    let values = [grant.entry.id.into(), supply.car.id.into(), start, end, in_turn.into()];
    let query = Statement::from_sql_and_values(DbBackend::Postgres, MAY_HAVE, values);
    Ok(tx.query_one_raw(query).await?.is_some())
}

/// What follows from an offer: its deadline, the mail, and a reminder where there is time for one.
pub(super) fn follow_up(work: &mut Work, offer: &waitlist_offer::Model) {
    debug_assert_eq!(offer.state.0, OfferState::Offered);
    let (subject_id, turn) = (offer.id, 0);
    work.then(&Announce { news: News::OfferMade, subject_id, turn });
    if let Some(at) = reminder_at(offer.created_at, offer.expires_at) {
        work.then_at(&Announce { news: News::OfferReminder, subject_id, turn }, at);
    }
    work.then_at(&ExpireOffer { offer_id: offer.id, again: false }, offer.expires_at);
}
