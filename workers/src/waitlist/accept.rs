//! The customer takes what is offered (W11).

use chrono::{DateTime, Utc};
use entity::{account, booking, car, waitlist_entry, waitlist_offer};
use jobs::{
    Refusal,
    notify::{Announce, News},
    waitlist::AcceptOffer,
};
use rules::{
    booking::{BookingNumber, BookingStatus},
    problem,
    waitlist::{EntryEvent, OfferEvent, OfferState},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    IntoActiveModel, Statement,
};
use view::booking::Booking;

use super::{
    case::{Case, booking_of, follow, not_found},
    measure,
    supply::clock,
};
use crate::{Finished, JobError, Perform, Work, reservation};

impl Perform for AcceptOffer {
    async fn perform(self, mut work: Work) -> Result<Finished, JobError> {
        let tx = work.begin().await?;
        let found = Case::of_offer(&tx, self.offer_id).await?;
        let Some((offer, entry, car)) = found.filter(|(offer, ..)| offer.customer_id == self.customer_id) else {
            drop(tx);
            return work.refuse(not_found()).await;
        };
        if offer.state.0 == OfferState::Accepted
            && let Some(booking) = booking_of(&tx, &offer).await?
        {
            return work.done(tx, Booking::from(booking)).await;
        }

        if let Some(refusal) = obstacle(&tx, &offer, &car).await? {
            drop(tx);
            return work.refuse(refusal).await;
        }
        let now = clock(&tx).await?;
        if !(mark(&tx, &self).await? && reservation::turn_over(&tx, offer.id, self.booking_id).await?) {
            drop(tx);
            return work.refuse(too_late(OfferState::Expired)).await;
        }
        let booking = row(&self, &offer, &car, &work, now).insert(&tx).await?;
        fulfil(&tx, entry, &booking, now).await?;

        work.then(&Announce { news: News::BookingConfirmed, subject_id: booking.id, turn: 0 });
        let finished = work.done(tx, Booking::from(booking)).await?;
        measure::accepted(&offer, now);
        Ok(finished)
    }
}

/// Accepts it unless its last moment has come: the clock is read after every lock was waited for (W12).
async fn mark(tx: &DatabaseTransaction, asked: &AcceptOffer) -> Result<bool, DbErr> {
    let sql = "update waitlist_offer set state = 'accepted', ended_at = clock_timestamp(), booking_id = $2
               where id = $1 and state = 'offered' and expires_at > clock_timestamp()";
    let values = [asked.offer_id.into(), asked.booking_id.into()];
    let accepted = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    Ok(tx.execute_raw(accepted).await?.rows_affected() == 1)
}

fn too_late(state: OfferState) -> Refusal {
    match state.after(OfferEvent::Accepted) {
        Err(refused) => {
            let words = match refused.from {
                OfferState::Revoked => "This offer was taken back.",
                OfferState::Declined => "You have declined this offer.",
                _ => "The time to accept this offer is over.",
            };
            Refusal::new(refused.code(), words)
        }
        Ok(_) => Refusal::new(problem::OFFER_EXPIRED.code, "The time to accept this offer is over."),
    }
}

/// Why there is no booking, the clock aside: the offer has ended, or person or car may not.
async fn obstacle(
    tx: &impl ConnectionTrait,
    offer: &waitlist_offer::Model,
    car: &car::Model,
) -> Result<Option<Refusal>, DbErr> {
    if !offer.state.0.is_live() {
        return Ok(Some(too_late(offer.state.0)));
    }
    let customer = account::Entity::find_by_id(offer.customer_id).one(tx).await?;
    if customer.is_none_or(|customer| customer.suspended_at.is_some()) {
        let words = "This account is suspended. Please contact the branch.";
        return Ok(Some(Refusal::new(problem::SUSPENDED.code, words)));
    }
    let words = "This car is not rented out at present.";
    let out_of_service = || Refusal::new(problem::CAR_NOT_IN_SERVICE.code, words);
    Ok((!car.status.0.is_rentable()).then(out_of_service))
}

fn row(
    asked: &AcceptOffer,
    offer: &waitlist_offer::Model,
    car: &car::Model,
    work: &Work,
    now: DateTime<Utc>,
) -> booking::ActiveModel {
    // A clash with an older number fails the insert; the retry draws another.
    let number = BookingNumber::from_bits(rand::random());
    booking::ActiveModel {
        id: Set(asked.booking_id),
        number: Set(number.as_str().to_owned()),
        car_id: Set(offer.car_id),
        customer_id: Set(offer.customer_id),
        branch_id: Set(offer.branch_id),
        starts_at: Set(offer.starts_at),
        ends_at: Set(offer.ends_at),
        time_zone: Set(offer.time_zone.clone()),
        status: Set(BookingStatus::Confirmed.into()),
        total: Set(offer.total),
        currency: Set(offer.currency.clone()),
        quote: Set(offer.quote.clone()),
        plate: Set(car.plate.clone()),
        policy_version: Set(rules::cancellation::Policy::default().version),
        version: Set(1),
        created_at: Set(work.asked_at()),
        updated_at: Set(now),
        ..Default::default()
    }
}

async fn fulfil(
    tx: &DatabaseTransaction,
    entry: waitlist_entry::Model,
    booking: &booking::Model,
    now: DateTime<Utc>,
) -> Result<(), JobError> {
    let mut row = follow(tx, entry, EntryEvent::Accepted, now).await?.into_active_model();
    row.booking_id = Set(Some(booking.id));
    row.update(tx).await?;
    Ok(())
}
