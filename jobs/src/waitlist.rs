//! Waiting for time that is taken: what can be asked, and what follows.

use std::ops::Not;

use chrono::{DateTime, Utc};
use rules::car::Category;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, Queue};

/// What somebody waits for: one car, or a class at a branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Car {
        car_id: Uuid,
    },
    Class {
        category: Category,
        branch_id: Uuid,
        /// A better class at the same price is welcome too.
        #[serde(default)]
        or_better: bool,
    },
}

/// When they want it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// These dates.
    Window {
        start: DateTime<Utc>,
        end: DateTime<Utc>,
        /// The start may be this much earlier or later.
        #[serde(default)]
        flexibility_minutes: u32,
        /// A part of it is welcome from so many days on.
        #[serde(default)]
        min_days: Option<u32>,
    },
    /// As soon as it is free.
    Asap { days: u32, latest_start: DateTime<Utc> },
}

/// A customer wants to wait. `entry_id` is chosen by the front.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JoinWaitlist {
    pub entry_id: Uuid,
    pub customer_id: Uuid,
    pub target: Target,
    pub wish: Wish,
    /// Minor units of the currency in which the wanted cars are priced; no offer costs more.
    #[serde(default)]
    pub price_cap: Option<i64>,
}

impl Job for JoinWaitlist {
    const KIND: &'static str = "join_waitlist";
    const QUEUE: Queue = Queue::Waitlist;
}

/// The customer, or staff for them, gives the place up; a live offer goes to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeaveWaitlist {
    pub entry_id: Uuid,
    pub left_by: Uuid,
}

impl Job for LeaveWaitlist {
    const KIND: &'static str = "leave_waitlist";
    const QUEUE: Queue = Queue::Waitlist;
}

/// A lapsed entry waits again, at the tail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RejoinWaitlist {
    pub entry_id: Uuid,
    pub customer_id: Uuid,
}

impl Job for RejoinWaitlist {
    const KIND: &'static str = "rejoin_waitlist";
    const QUEUE: Queue = Queue::Waitlist;
}

/// Time of a car became free, or may have: see who waits for it. Running it twice makes nothing new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromoteWaitlist {
    pub car_id: Uuid,
    /// Which of the clock's rounds asks, so that several clocks ask once; nobody else has one.
    #[serde(default)]
    pub round: Option<i64>,
}

impl PromoteWaitlist {
    pub fn new(car_id: Uuid) -> Self {
        Self { car_id, round: None }
    }
}

impl Job for PromoteWaitlist {
    const KIND: &'static str = "promote_waitlist";
    const QUEUE: Queue = Queue::Waitlist;

    fn dedupe_key(&self) -> Option<String> {
        self.round.map(|round| format!("{}/{round}", self.car_id))
    }
}

/// The customer takes what is offered: the hold becomes a booking.
///
/// `booking_id` is chosen by the front; an offer that was accepted before keeps its first booking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AcceptOffer {
    pub offer_id: Uuid,
    pub booking_id: Uuid,
    pub customer_id: Uuid,
}

impl Job for AcceptOffer {
    const KIND: &'static str = "accept_offer";
    const QUEUE: Queue = Queue::Waitlist;
    // Somebody waits, and a promotion can run a moment later.
    const PRIORITY: i16 = 10;
}

/// The customer does not want it; the place is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeclineOffer {
    pub offer_id: Uuid,
    pub customer_id: Uuid,
}

impl Job for DeclineOffer {
    const KIND: &'static str = "decline_offer";
    const QUEUE: Queue = Queue::Waitlist;
}

/// Whoever waits takes what is free now and suits the wish, as it was shown: the first to book has it.
///
/// `booking_id` is chosen by the front.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BookFreeTime {
    pub entry_id: Uuid,
    pub customer_id: Uuid,
    pub booking_id: Uuid,
    pub car_id: Uuid,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// The price that was shown, in minor units.
    pub total: i64,
}

impl Job for BookFreeTime {
    const KIND: &'static str = "book_free_time";
    const QUEUE: Queue = Queue::Waitlist;
    const PRIORITY: i16 = 10;
}

/// The deadline of an offer has come: whoever was silent is told so, and the next is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExpireOffer {
    pub offer_id: Uuid,
    /// By the clock, after an earlier job of it ended and the offer did not.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub again: bool,
}

impl Job for ExpireOffer {
    const KIND: &'static str = "expire_offer";
    const QUEUE: Queue = Queue::Waitlist;

    fn dedupe_key(&self) -> Option<String> {
        Some(first_or_again(self.offer_id, self.again))
    }
}

/// A second job of the same subject has a key of its own. There is no third: whoever put two aside meant it.
fn first_or_again(subject: Uuid, again: bool) -> String {
    if again { format!("{subject}/again") } else { subject.to_string() }
}

/// The wish can no longer be met. Enqueued by the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CloseEntry {
    pub entry_id: Uuid,
    /// As of [`ExpireOffer`].
    #[serde(default, skip_serializing_if = "Not::not")]
    pub again: bool,
}

impl Job for CloseEntry {
    const KIND: &'static str = "close_entry";
    const QUEUE: Queue = Queue::Waitlist;

    fn dedupe_key(&self) -> Option<String> {
        Some(first_or_again(self.entry_id, self.again))
    }
}

/// Staff offer a car to an entry of their choice, past the order of the queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferToEntry {
    pub offer_id: Uuid,
    pub entry_id: Uuid,
    pub car_id: Uuid,
    pub offered_by: Uuid,
    pub reason: String,
}

impl Job for OfferToEntry {
    const KIND: &'static str = "offer_to_entry";
    const QUEUE: Queue = Queue::Waitlist;
}

/// Staff move an entry up or down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrioritizeEntry {
    pub entry_id: Uuid,
    pub priority: i32,
    pub prioritized_by: Uuid,
    pub reason: String,
}

impl Job for PrioritizeEntry {
    const KIND: &'static str = "prioritize_entry";
    const QUEUE: Queue = Queue::Waitlist;
}

/// Staff take a live offer back; its entry is skipped until it is reinstated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RevokeOffer {
    pub offer_id: Uuid,
    pub revoked_by: Uuid,
    pub reason: String,
}

impl Job for RevokeOffer {
    const KIND: &'static str = "revoke_offer";
    const QUEUE: Queue = Queue::Waitlist;
}

/// Staff let a blocked entry wait again, in its old place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReinstateEntry {
    pub entry_id: Uuid,
    pub reinstated_by: Uuid,
    pub reason: String,
}

impl Job for ReinstateEntry {
    const KIND: &'static str = "reinstate_entry";
    const QUEUE: Queue = Queue::Waitlist;
}

/// What a pause stops.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paused {
    Car(Uuid),
    Branch(Uuid),
}

/// Staff stop the waitlist of a car or a branch (live offers are revoked and their holders told), or let it go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PauseWaitlist {
    pub of: Paused,
    /// `false` lets it go on.
    pub paused: bool,
    pub paused_by: Uuid,
    pub reason: String,
}

impl Job for PauseWaitlist {
    const KIND: &'static str = "pause_waitlist";
    const QUEUE: Queue = Queue::Waitlist;
}
