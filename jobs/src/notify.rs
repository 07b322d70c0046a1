//! Telling people: one event fans out to one message per recipient and channel.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, OUTSIDE_ATTEMPTS, Queue};

rules::words! {
    /// What happened, as far as somebody should hear of it. The name of the mail's template too.
    pub enum News {
        AccountRegistered = "account_registered",
        BookingConfirmed = "booking_confirmed",
        BookingCancelled = "booking_cancelled",
        BookingNoShow = "booking_no_show",
        /// To the customer: other dates or another car, as asked for, and what it costs now.
        BookingChanged = "booking_changed",
        /// To the customer: the same booking with another car, because theirs cannot be there.
        BookingMoved = "booking_moved",
        /// To the admins: a car will not be there for this booking and none is free. Call the customer.
        ConflictUnresolved = "conflict_unresolved",
        /// To the customer: the rental ends soon.
        ReturnDueSoon = "return_due_soon",
        /// To the customer: the car should be back.
        ReturnOverdue = "return_overdue",
        /// To those who run the fleet: a car is not back.
        CarOverdue = "car_overdue",
        /// To the admins: a car has not been back for a day.
        OverdueEscalated = "overdue_escalated",
        /// To the customer: we have the car, a person looks at the photos.
        ReturnReceived = "return_received",
        /// To those who decide: the report of a return.
        ReturnReported = "return_reported",
        /// To the same: the decision is due soon.
        DecisionDue = "decision_due",
        /// To every admin: the decision is overdue.
        DecisionOverdue = "decision_overdue",
        /// To the customer: all is well.
        ReturnCleared = "return_cleared",
        /// To the customer: a person confirmed damage, with how to dispute it.
        DamageConfirmed = "damage_confirmed",
        /// To those who decide: the mail that tells of a damage cannot arrive, so a person has to tell the customer.
        DamageUntold = "damage_untold",
        /// To those who decide: the customer sees a confirmed damage differently.
        DamageDisputed = "damage_disputed",
        /// To the customer: how the dispute ended, or that its time has passed.
        DamageSettled = "damage_settled",
        /// To the customer: please take better photos.
        PhotosWanted = "photos_wanted",
        /// About an entry: you wait, this is your place.
        WaitlistJoined = "waitlist_joined",
        /// About an offer, as everything of offers below: time is free, and yours until a deadline.
        /// What was accepted is told by `BookingConfirmed`, which says so.
        OfferMade = "offer_made",
        /// Half of the time to think is over.
        OfferReminder = "offer_reminder",
        /// Nobody answered: what happens next.
        OfferExpired = "offer_expired",
        /// In the application only: they have just pressed the button themselves.
        OfferDeclined = "offer_declined",
        /// The house took it back.
        OfferRevoked = "offer_revoked",
        /// About an entry: free so soon that the first to book has it.
        FinalCall = "final_call",
        /// About an entry: silent twice, with one click to wait again.
        WaitlistLapsed = "waitlist_lapsed",
        /// About an entry: the wish can no longer be met.
        WaitlistClosed = "waitlist_closed",
    }
}

impl News {
    /// Whether a mail tells it too, not only the list inside the application.
    pub fn is_mailed(self) -> bool {
        self != Self::OfferDeclined
    }

    /// Whether it asks somebody to decide a return, and so brings a link to where that is done.
    pub fn asks_for_decision(self) -> bool {
        matches!(self, Self::ReturnReported | Self::DecisionDue | Self::DecisionOverdue)
    }

    /// Whether those who work here are told: nobody is any more who no longer does.
    pub fn is_for_staff(self) -> bool {
        let concerns_fleet = matches!(self, Self::ConflictUnresolved | Self::CarOverdue | Self::OverdueEscalated);
        let concerns_case = matches!(self, Self::DamageUntold | Self::DamageDisputed);
        self.asks_for_decision() || concerns_fleet || concerns_case
    }
}

/// Something happened to a subject: find who should hear of it, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Announce {
    pub news: News,
    /// The account, booking, return, waitlist entry or offer that it is about.
    pub subject_id: Uuid,
    /// Tells repetitions of the same news about the same subject apart.
    #[serde(default)]
    pub turn: i32,
}

impl Job for Announce {
    const KIND: &'static str = "announce";
    const QUEUE: Queue = Queue::Notify;

    fn dedupe_key(&self) -> Option<String> {
        Some(format!("{}/{}/{}", self.subject_id, self.news.as_str(), self.turn))
    }
}

/// One mail to one person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SendMail {
    pub news: News,
    pub subject_id: Uuid,
    #[serde(default)]
    pub turn: i32,
    pub account_id: Uuid,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail";
    const QUEUE: Queue = Queue::Notify;
    /// With the back-off of the ledger about four hours, so that a mail server may be down for a while.
    const MAX_ATTEMPTS: i32 = OUTSIDE_ATTEMPTS;

    fn dedupe_key(&self) -> Option<String> {
        Some(format!("{}/{}/{}/{}", self.subject_id, self.news.as_str(), self.turn, self.account_id))
    }
}

/// Somebody has read a message inside the application, or all that there were when they said so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadNotification {
    pub account_id: Uuid,
    /// `None`: all of them.
    #[serde(default)]
    pub notification_id: Option<Uuid>,
}

impl Job for ReadNotification {
    const KIND: &'static str = "read_notification";
    // Not `Notify`: nobody waits behind a mail server for it.
    const QUEUE: Queue = Queue::Booking;
}

/// What waits to be told to one recipient, in one mail, because there would be too many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SendDigest {
    pub account_id: Uuid,
    /// The call that waits longest: what comes after this digest makes another one.
    pub first_call: i64,
}

impl Job for SendDigest {
    const KIND: &'static str = "send_digest";
    const QUEUE: Queue = Queue::Notify;
    /// As patient as a mail of its own.
    const MAX_ATTEMPTS: i32 = SendMail::MAX_ATTEMPTS;

    fn dedupe_key(&self) -> Option<String> {
        Some(format!("{}/{}", self.account_id, self.first_call))
    }
}
