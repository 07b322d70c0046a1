//! An entry or an offer with what belongs to it, locked in the order in which everybody locks.

use chrono::{DateTime, Utc};
use entity::{account, booking, car, waitlist_entry, waitlist_offer};
use jobs::{Refusal, waitlist::PromoteWaitlist};
use rules::{
    problem,
    waitlist::{EntryEvent, OfferEvent, OfferState},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QuerySelect,
};
use uuid::Uuid;
use view::waitlist::Entry;

use super::{again::look_at_others, supply::clock};
use crate::{JobError, Work, reservation};

/// An entry, its live offer if it has one, and the time at which both were locked.
pub(super) struct Case {
    pub(super) entry: waitlist_entry::Model,
    pub(super) offer: Option<waitlist_offer::Model>,
    pub(super) now: DateTime<Utc>,
}

async fn live_offer(db: &impl ConnectionTrait, entry: Uuid) -> Result<Option<waitlist_offer::Model>, DbErr> {
    waitlist_offer::Entity::find()
        .filter(waitlist_offer::Column::EntryId.eq(entry))
        .filter(waitlist_offer::Column::State.eq(OfferState::Offered.as_str()))
        .one(db)
        .await
}

pub(super) async fn lock_car(tx: &DatabaseTransaction, id: Uuid) -> Result<Option<car::Model>, DbErr> {
    car::Entity::find_by_id(id).lock_exclusive().one(tx).await
}

pub(super) async fn lock_entry(tx: &DatabaseTransaction, id: Uuid) -> Result<Option<waitlist_entry::Model>, DbErr> {
    waitlist_entry::Entity::find_by_id(id).lock_exclusive().one(tx).await
}

impl Case {
    /// Locks an entry, and before it the car of its live offer, or else the car that it waits for.
    ///
    /// Which car that is cannot be known before the entry is locked; when an offer was made
    /// just then, everything is let go and locked again.
    pub(super) async fn lock(work: &Work, entry: Uuid) -> Result<Option<(DatabaseTransaction, Self)>, JobError> {
        loop {
            let tx = work.begin().await?;
            let car = match live_offer(&tx, entry).await? {
                Some(offer) => Some(offer.car_id),
                None => waitlist_entry::Entity::find_by_id(entry).one(&tx).await?.and_then(|entry| entry.car_id),
            };
            if let Some(car) = car {
                lock_car(&tx, car).await?;
            }
            let Some(entry) = lock_entry(&tx, entry).await? else { return Ok(None) };
            let offer = live_offer(&tx, entry.id).await?;
            if offer.as_ref().is_none_or(|offer| car == Some(offer.car_id)) {
                let now = clock(&tx).await?;
                return Ok(Some((tx, Self { entry, offer, now })));
            }
        }
    }

    /// The same for the entry of an offer, which comes along in whatever state it is.
    pub(super) async fn of_offer(
        tx: &DatabaseTransaction,
        offer: Uuid,
    ) -> Result<Option<(waitlist_offer::Model, waitlist_entry::Model, car::Model)>, DbErr> {
        let Some(seen) = waitlist_offer::Entity::find_by_id(offer).one(tx).await? else { return Ok(None) };
        let car = lock_car(tx, seen.car_id).await?;
        let entry = lock_entry(tx, seen.entry_id).await?;
        let offer = waitlist_offer::Entity::find_by_id(offer).lock_exclusive().one(tx).await?;
        Ok(offer.zip(entry).zip(car).map(|((offer, entry), car)| (offer, entry, car)))
    }
}

/// The entry as it is after an event.
pub(super) async fn follow(
    tx: &DatabaseTransaction,
    entry: waitlist_entry::Model,
    event: EntryEvent,
    now: DateTime<Utc>,
) -> Result<waitlist_entry::Model, JobError> {
    let state = entry.state.0.after(event)?;
    let version = entry.version + 1;
    let mut row = entry.into_active_model();
    row.state = Set(state.into());
    row.version = Set(version);
    row.updated_at = Set(now);
    Ok(row.update(tx).await?)
}

/// Writes down what became of an entry that came true.
pub(super) async fn fulfil(
    tx: &DatabaseTransaction,
    entry: waitlist_entry::Model,
    booking: &booking::Model,
) -> Result<(), DbErr> {
    let mut row = entry.into_active_model();
    row.booking_id = Set(Some(booking.id));
    row.update(tx).await?;
    Ok(())
}

/// The offer as it is after its end. What it held is free, and so is its person: those who may be asked now are.
pub(super) async fn end_offer(
    tx: &DatabaseTransaction,
    work: &mut Work,
    offer: waitlist_offer::Model,
    event: OfferEvent,
    now: DateTime<Utc>,
) -> Result<waitlist_offer::Model, JobError> {
    let state = offer.state.0.after(event)?;
    reservation::let_go(tx, offer.id).await?;
    let mut row = offer.into_active_model();
    row.state = Set(state.into());
    row.ended_at = Set(Some(now));
    let offer = row.update(tx).await?;
    work.then(&PromoteWaitlist::new(offer.car_id));
    look_at_others(tx, work, &offer).await?;
    Ok(offer)
}

/// Draws a new place at the end of the queue.
pub(super) async fn tail(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let next = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, "select nextval('waitlist_seq')");
    let row = db.query_one_raw(next).await?.ok_or_else(|| DbErr::RecordNotFound("the sequence".to_owned()))?;
    row.try_get_by_index(0)
}

/// The document of an entry as it stands.
pub(super) async fn document(db: &impl ConnectionTrait, entry: waitlist_entry::Model) -> Result<Entry, DbErr> {
    let position = waitlist_entry::position(db, &entry).await?;
    let offer = live_offer(db, entry.id).await?;
    Ok(Entry::new(entry, position, offer))
}

pub(super) async fn is_staff(db: &impl ConnectionTrait, person: Uuid) -> Result<bool, DbErr> {
    let person = account::Entity::find_by_id(person).one(db).await?;
    Ok(person.is_some_and(|person| person.role.0.is_staff()))
}

pub(super) async fn booking_of(
    db: &impl ConnectionTrait,
    offer: &waitlist_offer::Model,
) -> Result<Option<booking::Model>, DbErr> {
    match offer.booking_id {
        Some(id) => booking::Entity::find_by_id(id).one(db).await,
        None => Ok(None),
    }
}

/// Answered to strangers too, so that nobody learns who waits.
pub(super) fn not_found() -> Refusal {
    Refusal::new(problem::NOT_FOUND.code, "There is no such waitlist entry or offer.")
}

pub(super) fn illegal(words: impl std::fmt::Display) -> Refusal {
    Refusal::new(problem::ILLEGAL_STATE.code, capital(&words.to_string()))
}

/// A reason of the rules as a sentence.
pub(super) fn capital(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}
