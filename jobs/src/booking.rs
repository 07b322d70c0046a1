//! Bookings: what can be asked.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, Queue};

/// A customer wants a car for a while.
///
/// `booking_id` is chosen by the front, so the customer can be given a link to
/// the booking before any worker has seen it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestBooking {
    pub booking_id: Uuid,
    pub car_id: Uuid,
    pub customer_id: Uuid,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
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
}

impl Job for CancelBooking {
    const KIND: &'static str = "cancel_booking";
    const QUEUE: Queue = Queue::Booking;
}

/// Time is up for a booking that nobody picked up. Enqueued by the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReleaseNoShow {
    pub booking_id: Uuid,
}

impl Job for ReleaseNoShow {
    const KIND: &'static str = "release_no_show";
    const QUEUE: Queue = Queue::Booking;

    fn dedupe_key(&self) -> Option<String> {
        Some(self.booking_id.to_string())
    }
}
