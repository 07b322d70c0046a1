//! A booking ends before it began: called off, or given up on.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{account, booking};
use jobs::{
    Refusal,
    booking::{CancelBooking, ReleaseNoShow},
    notify::{Announce, News},
    waitlist::PromoteWaitlist,
};
use rules::{
    booking::{BookingStatus, Event, Limits, no_show_at},
    cancellation::{Facts, Policy, Refund, refund},
    money::{Currency, Money},
    period::Period,
    pricing, problem,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel};
use view::booking::Booking;

use super::{Locked, lock};
use crate::{Ending, JobError, Perform, Work, audit, reservation};

/// What a refund depends on, were the booking cancelled now.
pub(super) fn facts(booking: &booking::Model, now: DateTime<Utc>, no_show: bool) -> Result<Facts, JobError> {
    let period = Period::new(booking.starts_at, booking.ends_at)?;
    Ok(Facts {
        now,
        booked_at: booking.created_at,
        closed_at: booking.closed_at,
        period,
        total: Money { amount: booking.total, currency: Currency::new(&booking.currency)? },
        days: pricing::rental_days(period, booking.time_zone.parse::<Tz>()?),
        no_show,
    })
}

fn settle(booking: &booking::Model, now: DateTime<Utc>, no_show: bool) -> Result<Refund, JobError> {
    Ok(refund(&Policy::default(), &facts(booking, now, no_show)?)?)
}

/// The booking as it stands after it ended, its time freed.
async fn end(
    tx: &DatabaseTransaction,
    booking: booking::Model,
    status: BookingStatus,
    refund: &Refund,
    reason: Option<String>,
    now: DateTime<Utc>,
) -> Result<booking::Model, DbErr> {
    reservation::release(tx, booking.id).await?;
    let version = booking.version + 1;
    let mut row = booking.into_active_model();
    row.status = Set(status.into());
    row.cancelled_at = Set(Some(now));
    row.cancel_reason = Set(reason);
    row.cancel_fee = Set(Some(refund.fee.amount));
    row.refund = Set(Some(refund.refund.amount));
    row.policy_version = Set(refund.policy_version);
    row.version = Set(version);
    row.updated_at = Set(now);
    row.update(tx).await
}

impl Perform for CancelBooking {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let booking = lock(&tx, self.booking_id, None).await?.map(|locked| locked.booking);
        let asker = account::Entity::find_by_id(self.cancelled_by).one(&tx).await?;
        let allowed = |booking: &booking::Model| {
            booking.customer_id == self.cancelled_by || asker.as_ref().is_some_and(|asker| asker.role.0.is_staff())
        };
        let Some(booking) = booking.filter(allowed) else {
            return Ok(work.refuse(Refusal::new(problem::NOT_FOUND.code, "There is no such booking.")));
        };
        if booking.status.0 == BookingStatus::Cancelled {
            return work.done(tx, Booking::from(booking));
        }

        let status = match booking.status.0.after(Event::Cancelled) {
            Ok(status) => status,
            Err(refused) => {
                return Ok(work.refuse(Refusal::new(problem::ILLEGAL_STATE.code, refused.to_string())));
            }
        };
        let refund = settle(&booking, work.asked_at(), false)?;
        let booking = end(&tx, booking, status, &refund, self.reason, work.now()).await?;
        audit(&tx, Some(self.cancelled_by), "cancel_booking", "booking", booking.id).await?;

        work.then(&Announce { news: News::BookingCancelled, subject_id: booking.id, turn: 0 });
        work.then(&PromoteWaitlist::new(booking.car_id));
        work.done(tx, Booking::from(booking))
    }
}

impl Perform for ReleaseNoShow {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let Some(Locked { booking, .. }) = lock(&tx, self.booking_id, None).await? else {
            return Ok(work.skip("the booking is gone"));
        };
        let period = Period::new(booking.starts_at, booking.ends_at)?;
        if work.now() < no_show_at(period, Limits::default()) {
            return Ok(work.skip("it is not yet time"));
        }

        let Ok(status) = booking.status.0.after(Event::NotCollected) else {
            return Ok(work.skip("the booking is not waiting for its customer"));
        };
        let refund = settle(&booking, work.now(), true)?;
        let booking = end(&tx, booking, status, &refund, None, work.now()).await?;
        audit(&tx, None, "release_no_show", "booking", booking.id).await?;

        work.then(&Announce { news: News::BookingNoShow, subject_id: booking.id, turn: 0 });
        work.then(&PromoteWaitlist::new(booking.car_id));
        work.done(tx, Booking::from(booking))
    }
}
