//! Telling people: one event fans out to one message per recipient and channel.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, OUTSIDE_ATTEMPTS, Queue};

/// What happened, as far as somebody should hear of it. The name of the mail's template too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    AccountRegistered,
    BookingConfirmed,
    BookingCancelled,
    BookingNoShow,
    /// To the customer: other dates or another car, as asked for, and what it costs now.
    BookingChanged,
    /// To the customer: the same booking with another car, because theirs cannot be there.
    BookingMoved,
    /// To the admins: a car will not be there for this booking and none is free. Call the customer.
    ConflictUnresolved,
    /// To the customer: the rental ends soon.
    ReturnDueSoon,
    /// To the customer: the car should be back.
    ReturnOverdue,
    /// To those who run the fleet: a car is not back.
    CarOverdue,
    /// To the admins: a car is not back since a day.
    OverdueEscalated,
    /// To the customer: we have the car, a person looks at the photos.
    ReturnReceived,
    /// To those who decide: the report of a return.
    ReturnReported,
    /// To the same: the decision is due soon.
    DecisionDue,
    /// To every admin: the decision is overdue.
    DecisionOverdue,
    /// To the customer: all is well.
    ReturnCleared,
    /// To the customer: a person confirmed damage, with how to dispute it.
    DamageConfirmed,
    /// To those who decide: the customer sees a confirmed damage differently.
    DamageDisputed,
    /// To the customer: how the dispute ended, or that its time has passed.
    DamageSettled,
    /// To the customer: please take better photos.
    PhotosWanted,
    /// About an entry: you wait, this is your place.
    WaitlistJoined,
    /// About an offer, as everything of offers below: time is free, and yours until a deadline.
    /// What was accepted is told by `BookingConfirmed`, which says so.
    OfferMade,
    /// Half of the time to think is over.
    OfferReminder,
    /// Nobody answered: what happens next.
    OfferExpired,
    /// In the application only: they have just pressed the button themselves.
    OfferDeclined,
    /// The house took it back.
    OfferRevoked,
    /// About an entry: free so soon that the first to book has it.
    FinalCall,
    /// About an entry: silent twice, with one click to wait again.
    WaitlistLapsed,
    /// About an entry: the wish can no longer be met.
    WaitlistClosed,
}

impl News {
    pub const ALL: [Self; 29] = [
        Self::AccountRegistered,
        Self::BookingConfirmed,
        Self::BookingCancelled,
        Self::BookingNoShow,
        Self::BookingChanged,
        Self::BookingMoved,
        Self::ConflictUnresolved,
        Self::ReturnDueSoon,
        Self::ReturnOverdue,
        Self::CarOverdue,
        Self::OverdueEscalated,
        Self::ReturnReceived,
        Self::ReturnReported,
        Self::DecisionDue,
        Self::DecisionOverdue,
        Self::ReturnCleared,
        Self::DamageConfirmed,
        Self::DamageDisputed,
        Self::DamageSettled,
        Self::PhotosWanted,
        Self::WaitlistJoined,
        Self::OfferMade,
        Self::OfferReminder,
        Self::OfferExpired,
        Self::OfferDeclined,
        Self::OfferRevoked,
        Self::FinalCall,
        Self::WaitlistLapsed,
        Self::WaitlistClosed,
    ];

    /// The spelling in payloads, dedupe keys and template names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccountRegistered => "account_registered",
            Self::BookingConfirmed => "booking_confirmed",
            Self::BookingCancelled => "booking_cancelled",
            Self::BookingNoShow => "booking_no_show",
            Self::BookingChanged => "booking_changed",
            Self::BookingMoved => "booking_moved",
            Self::ConflictUnresolved => "conflict_unresolved",
            Self::ReturnDueSoon => "return_due_soon",
            Self::ReturnOverdue => "return_overdue",
            Self::CarOverdue => "car_overdue",
            Self::OverdueEscalated => "overdue_escalated",
            Self::ReturnReceived => "return_received",
            Self::ReturnReported => "return_reported",
            Self::DecisionDue => "decision_due",
            Self::DecisionOverdue => "decision_overdue",
            Self::ReturnCleared => "return_cleared",
            Self::DamageConfirmed => "damage_confirmed",
            Self::DamageDisputed => "damage_disputed",
            Self::DamageSettled => "damage_settled",
            Self::PhotosWanted => "photos_wanted",
            Self::WaitlistJoined => "waitlist_joined",
            Self::OfferMade => "offer_made",
            Self::OfferReminder => "offer_reminder",
            Self::OfferExpired => "offer_expired",
            Self::OfferDeclined => "offer_declined",
            Self::OfferRevoked => "offer_revoked",
            Self::FinalCall => "final_call",
            Self::WaitlistLapsed => "waitlist_lapsed",
            Self::WaitlistClosed => "waitlist_closed",
        }
    }

    /// Whether a mail tells it too, not only the list inside the application.
    pub fn is_mailed(self) -> bool {
        self != Self::OfferDeclined
    }

    /// The news of that spelling.
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|news| news.as_str() == word)
    }

    /// Whether it asks somebody to decide a return, and so brings a link to where that is done.
    pub fn asks_for_decision(self) -> bool {
        matches!(self, Self::ReturnReported | Self::DecisionDue | Self::DecisionOverdue)
    }

    /// Whether those who work here are told: nobody is any more who no longer does.
    pub fn is_for_staff(self) -> bool {
        let concerns_fleet = matches!(self, Self::ConflictUnresolved | Self::CarOverdue | Self::OverdueEscalated);
        self.asks_for_decision() || concerns_fleet || self == Self::DamageDisputed
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
