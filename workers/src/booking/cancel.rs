//! A booking ends before it began: called off, or given up on.

use chrono::{DateTime, Utc};
use entity::{account, booking};
use jobs::{
    Refusal,
    booking::{CancelBooking, ReleaseNoShow},
    notify::{Announce, News},
    waitlist::PromoteWaitlist,
};
use rules::{
    booking::{BookingStatus, Event, Limits, no_show_at},
    cancellation::{Facts, Policy, refund},
    money::Money,
    period::Period,
    problem,
    rental::overdue::due_turn,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, EntityTrait, IntoActiveModel};
use serde_json::json;
use view::booking::Booking;

use super::{Locked, lock};
use crate::{Ending, JobError, Perform, Work, audit, audit_with, rental::withheld, reservation};

/// The booking as it stands after it ended, its time freed.
async fn end(
    tx: &DatabaseTransaction,
    booking: booking::Model,
    status: BookingStatus,
    facts: &Facts,
    reason: Option<String>,
    now: DateTime<Utc>,
) -> Result<booking::Model, JobError> {
    let refund = refund(&Policy::default(), facts)?;
    reservation::release(tx, booking.id).await?;
    let version = booking.version + 1;
    let mut row = booking.into_active_model();
    row.status = Set(status.into());
    row.cancelled_at = Set(Some(now));
    row.cancel_reason = Set(reason);
    row.cancel_fee = Set(Some(refund.fee.amount));
    row.refund = Set(Some(refund.refund.amount));
    row.policy_version = Set(refund.policy_version);
    row.house_fault = Set(facts.house_fault);
    row.version = Set(version);
    row.updated_at = Set(now);
    Ok(row.update(tx).await?)
}

/// Whoever would pay does not decide that nothing is to be paid.
pub(super) fn only_staff() -> Refusal {
    let words =
        "Only staff can say that the house could not keep a booking, and not of their own. Please call the branch.";
    Refusal::new(problem::FORBIDDEN.code, words)
}

/// A late cancellation is not made cheaper by booking something cheaper first.
pub(super) fn too_cheap(total: Money, fee: Money) -> Refusal {
    let words = format!(
        "Cancelling this booking costs {fee} by now, and changing it does not make that less. As you want it, it would \
         cost {total}: choose dates or a car for {fee} or more, or cancel it."
    );
    Refusal::new(problem::TOO_LATE.code, words)
}

impl Perform for CancelBooking {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let booking = lock(&tx, self.booking_id, None).await?.map(|locked| locked.booking);
        let asker = account::Entity::find_by_id(self.cancelled_by).one(&tx).await?;
        let by_staff = asker.is_some_and(|asker| asker.role.0.is_staff());
        let allowed = |booking: &booking::Model| by_staff || booking.customer_id == self.cancelled_by;
        let Some(booking) = booking.filter(allowed) else {
            return Ok(work.refuse(Refusal::new(problem::NOT_FOUND.code, "There is no such booking.")));
        };
        if self.house_fault && (!by_staff || booking.customer_id == self.cancelled_by) {
            return Ok(work.refuse(only_staff()));
        }
        if booking.status.0 == BookingStatus::Cancelled {
            return work.done(tx, Booking::from(booking));
        }

        let status = match booking.status.0.after(Event::Cancelled) {
            Ok(status) => status,
            Err(refused) => {
                return Ok(work.refuse(Refusal::new(problem::ILLEGAL_STATE.code, refused.to_string())));
            }
        };
        let facts = Facts { house_fault: self.house_fault, ..booking.cancellation(work.asked_at())? };
        let booking = end(&tx, booking, status, &facts, self.reason, work.now()).await?;
        let detail = json!({ "houseFault": self.house_fault });
        audit_with(&tx, Some(self.cancelled_by), "cancel_booking", ("booking", booking.id), detail).await?;

        work.then(&Announce { news: News::BookingCancelled, subject_id: booking.id, turn: 0 });
        work.then(&PromoteWaitlist::new(booking.car_id));
        work.done(tx, Booking::from(booking))
    }
}

/// Nobody is charged for a car that could not be handed over: the booking stays, and the admins are told whom to call.
async fn kept_waiting(
    mut work: Work,
    tx: DatabaseTransaction,
    booking: &booking::Model,
    period: Period,
) -> Result<Ending, JobError> {
    audit(&tx, None, "conflict_unresolved", "booking", booking.id).await?;

    let turn = due_turn(no_show_at(period, Limits::default()));
    work.then(&Announce { news: News::ConflictUnresolved, subject_id: booking.id, turn });
    work.done(tx, json!({ "unresolved": booking.id }))
}

impl Perform for ReleaseNoShow {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let Some(Locked { booking, car, .. }) = lock(&tx, self.booking_id, None).await? else {
            return Ok(work.skip("the booking is gone"));
        };
        if self.start.is_some_and(|start| start != booking.starts_at) {
            return Ok(work.skip("the booking has other dates"));
        }
        let period = Period::new(booking.starts_at, booking.ends_at)?;
        if work.now() < no_show_at(period, Limits::default()) {
            return Ok(work.skip("it is not yet time"));
        }

        let Ok(status) = booking.status.0.after(Event::NotCollected) else {
            return Ok(work.skip("the booking is not waiting for its customer"));
        };
        if withheld(&tx, &car).await?.is_some() {
            return kept_waiting(work, tx, &booking, period).await;
        }
        let facts = Facts { no_show: true, ..booking.cancellation(work.now())? };
        let booking = end(&tx, booking, status, &facts, None, work.now()).await?;
        audit(&tx, None, "release_no_show", "booking", booking.id).await?;

        work.then(&Announce { news: News::BookingNoShow, subject_id: booking.id, turn: 0 });
        work.then(&PromoteWaitlist::new(booking.car_id));
        work.done(tx, Booking::from(booking))
    }
}
