//! Bookings: what can be asked.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, Queue};

/// A customer wants a car for a while.
///
/// `booking_id` is chosen by the front, so the customer can be given a link to
/// the booking before any worker has seen it. So is the id of the waitlist entry:
/// the id of the document that the job ends with says which of the two it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestBooking {
    pub booking_id: Uuid,
    pub car_id: Uuid,
    pub customer_id: Uuid,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// If the car is taken, wait for it, as this entry.
    #[serde(default)]
    pub join_waitlist: Option<Uuid>,
}

impl Job for RequestBooking {
    const KIND: &'static str = "request_booking";
    const QUEUE: Queue = Queue::Booking;
}

/// The customer, or staff for them, calls a booking off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CancelBooking {
    pub booking_id: Uuid,
    pub cancelled_by: Uuid,
    #[serde(default)]
    pub reason: Option<String>,
    /// The house has no car, so it costs nothing; only staff may say so.
    #[serde(default)]
    pub house_fault: bool,
}

impl Job for CancelBooking {
    const KIND: &'static str = "cancel_booking";
    const QUEUE: Queue = Queue::Booking;
}

/// Time is up for a booking that nobody picked up. Enqueued by the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReleaseNoShow {
    pub booking_id: Uuid,
    /// The start that nobody came for; other dates are another occasion.
    #[serde(default)]
    pub start: Option<DateTime<Utc>>,
}

impl Job for ReleaseNoShow {
    const KIND: &'static str = "release_no_show";
    const QUEUE: Queue = Queue::Booking;

    fn dedupe_key(&self) -> Option<String> {
        Some(match self.start {
            Some(start) => format!("{}/{}", self.booking_id, start.timestamp()),
            None => self.booking_id.to_string(),
        })
    }
}

/// Other dates or another car for a booking; `None` leaves that as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeBooking {
    pub booking_id: Uuid,
    pub changed_by: Uuid,
    #[serde(default)]
    pub car_id: Option<Uuid>,
    #[serde(default)]
    pub start: Option<DateTime<Utc>>,
    #[serde(default)]
    pub end: Option<DateTime<Utc>>,
    /// The house cannot keep what was booked, so the price per day stays; only staff may say so.
    #[serde(default)]
    pub house_fault: bool,
}

impl Job for ChangeBooking {
    const KIND: &'static str = "change_booking";
    const QUEUE: Queue = Queue::Booking;
}

/// The customer keeps the car for longer; also on the road.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtendBooking {
    pub booking_id: Uuid,
    pub extended_by: Uuid,
    pub end: DateTime<Utc>,
}

impl Job for ExtendBooking {
    const KIND: &'static str = "extend_booking";
    const QUEUE: Queue = Queue::Booking;
}

/// A car should be back by now. Enqueued by the clock, once for every due time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckOverdue {
    pub booking_id: Uuid,
    pub due: DateTime<Utc>,
}

impl Job for CheckOverdue {
    const KIND: &'static str = "check_overdue";
    const QUEUE: Queue = Queue::Booking;

    fn dedupe_key(&self) -> Option<String> {
        Some(format!("{}/{}", self.booking_id, self.due.timestamp()))
    }
}

/// A car is overdue for so long that the admins should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EscalateOverdue {
    pub booking_id: Uuid,
    pub due: DateTime<Utc>,
}

impl Job for EscalateOverdue {
    const KIND: &'static str = "escalate_overdue";
    const QUEUE: Queue = Queue::Booking;

    fn dedupe_key(&self) -> Option<String> {
        Some(format!("{}/{}", self.booking_id, self.due.timestamp()))
    }
}

/// A car may not be there for its next customer: find that booking another one, or somebody who calls.
///
/// What endangers it is read when the job runs; nothing happens when nothing does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResolveConflict {
    /// The booking in danger.
    pub booking_id: Uuid,
    /// The car it was to have.
    pub car_id: Uuid,
    /// Tells one occasion from another: the due time that passed, or the car's version when it went out of service.
    pub turn: i32,
    /// Another car that has free time now; the waitlist leaves it to the booking until this is done.
    #[serde(default)]
    pub freed: Option<Uuid>,
}

impl Job for ResolveConflict {
    const KIND: &'static str = "resolve_conflict";
    const QUEUE: Queue = Queue::Booking;

    fn dedupe_key(&self) -> Option<String> {
        // Once per occasion; but whenever a car is freed, there is a new chance.
        self.freed.is_none().then(|| format!("{}/{}/{}", self.booking_id, self.car_id, self.turn))
    }
}
