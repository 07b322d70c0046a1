//! The customer takes what is offered (W11).

use chrono::{DateTime, Utc};
use entity::{account, car, waitlist_offer};
use jobs::{
    Refusal,
    notify::{Announce, News},
    waitlist::AcceptOffer,
};
use rules::{
    period::Period,
    problem,
    waitlist::{EntryEvent, OfferEvent, OfferState},
};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, IntoActiveModel, Statement,
};
use view::booking::Booking;

use super::{
    again::look_at_others,
    case::{Case, booking_of, follow, fulfil, not_found},
    measure,
    supply::clock,
};
use crate::{
    Ending, JobError, Perform, Work,
    booking::{self, Fresh},
    reservation,
};

impl Perform for AcceptOffer {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let found = Case::of_offer(&tx, self.offer_id).await?;
        let Some((offer, entry, car)) = found.filter(|(offer, ..)| offer.customer_id == self.customer_id) else {
            return Ok(work.refuse(not_found()));
        };
        if offer.state.0 == OfferState::Accepted
            && let Some(booking) = booking_of(&tx, &offer).await?
        {
            return work.done(tx, Booking::from(booking));
        }

        if let Some(refusal) = obstacle(&tx, &offer, &car).await? {
            return Ok(work.refuse(refusal));
        }
        let now = clock(&tx).await?;
        if !(mark(&tx, &self).await? && reservation::turn_over(&tx, offer.id, self.booking_id).await?) {
            return Ok(work.refuse(too_late(OfferState::Expired)));
        }
        let booking = row(&self, &offer, &car, &work, now)?.into_active_model().reset_all().insert(&tx).await?;
        let entry = follow(&tx, entry, EntryEvent::Accepted, now).await?;
        fulfil(&tx, entry, &booking).await?;

        look_at_others(&tx, &mut work, &offer).await?;
        work.then(&Announce { news: News::BookingConfirmed, subject_id: booking.id, turn: 0 });
        Ok(work.done(tx, Booking::from(booking))?.afterwards(async move { measure::accepted(&offer, now) }))
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
    let suspended = customer.is_none_or(|customer| customer.is_suspended());
    Ok(booking::obstacle(suspended, car.status.0))
}

fn row(
    asked: &AcceptOffer,
    offer: &waitlist_offer::Model,
    car: &car::Model,
    work: &Work,
    now: DateTime<Utc>,
) -> Result<entity::booking::Model, JobError> {
    let fresh = Fresh {
        id: asked.booking_id,
        customer_id: offer.customer_id,
        car_id: car.id,
        plate: &car.plate,
        branch_id: offer.branch_id,
        time_zone: &offer.time_zone,
        period: Period::new(offer.starts_at, offer.ends_at)?,
        quote: offer.quote.clone(),
    };
    Ok(fresh.row(work, now))
}
