//! The short form of the news, for the list inside the application.

use jobs::notify::News;
use serde_json::{Value, json};

use super::{
    facts::{Facts, Rental, Returned},
    page, queue,
    word::plain,
};

/// What a row of `notification` says.
#[derive(Debug, PartialEq)]
pub(super) struct Notice {
    /// `BOOKING`, `REVIEW` or `SYSTEM`.
    pub(super) kind: &'static str,
    pub(super) title: String,
    pub(super) message: String,
    /// The ids of what it is about.
    pub(super) data: Value,
}

pub(super) fn notice(news: News, facts: &Facts) -> Notice {
    let (kind, title) = title(news);
    Notice { kind, title: plain(title), message: plain(&message(news, facts)), data: data(news, facts) }
}

/// The kind and the title of every news: one that was forgotten here does not compile.
pub(super) fn title(news: News) -> (&'static str, &'static str) {
    match news {
        News::AccountRegistered => ("SYSTEM", "Welcome to Forecourt"),
        News::BookingConfirmed => ("BOOKING", "Booking confirmed"),
        News::BookingCancelled => ("BOOKING", "Booking cancelled"),
        News::BookingNoShow => ("BOOKING", "Car not picked up"),
        News::BookingChanged => ("BOOKING", "Booking changed"),
        News::BookingMoved => ("BOOKING", "Another car for you"),
        News::ConflictUnresolved => ("BOOKING", "A customer has to be called"),
        News::ReturnDueSoon => ("BOOKING", "Your rental ends soon"),
        News::ReturnOverdue => ("BOOKING", "The car is overdue"),
        News::CarOverdue => ("BOOKING", "A car is overdue"),
        News::OverdueEscalated => ("BOOKING", "A car has been overdue for a day"),
        News::ReturnReceived => ("BOOKING", "Car returned"),
        News::ReturnReported => ("REVIEW", "A return waits for your decision"),
        News::DecisionDue => ("REVIEW", "A return still waits for your decision"),
        News::DecisionOverdue => ("REVIEW", "A decision on a return is overdue"),
        News::ReturnCleared => ("BOOKING", "Return checked"),
        News::DamageConfirmed => ("BOOKING", "Damage confirmed"),
        News::DamageUntold => ("REVIEW", "A customer has to be told of a damage"),
        News::DamageDisputed => ("REVIEW", "A damage is disputed"),
        News::DamageSettled => ("BOOKING", "Damage decided"),
        News::PhotosWanted => ("BOOKING", "Better photos, please"),
        News::WaitlistJoined => ("BOOKING", "You are on the waitlist"),
        News::OfferMade => ("BOOKING", "A car is free for you"),
        News::OfferReminder => ("BOOKING", "Your offer ends soon"),
        News::OfferExpired => ("BOOKING", "Your offer has ended"),
        News::OfferDeclined => ("BOOKING", "You declined an offer"),
        News::OfferRevoked => ("BOOKING", "An offer was taken back"),
        News::FinalCall => ("BOOKING", "Free at short notice"),
        News::WaitlistLapsed => ("BOOKING", "You no longer wait"),
        News::WaitlistClosed => ("BOOKING", "Waiting has ended"),
    }
}

/// What has no words of its own is told by its title, and never by the words of something else.
fn message(news: News, facts: &Facts) -> String {
    let words = match facts {
        Facts::Account(_) => (news == News::AccountRegistered).then(|| "Your account is ready.".to_owned()),
        Facts::Booking(rental) => about_booking(news, rental),
        Facts::Return(returned) => about_return(news, returned),
        Facts::Entry(waiting) => queue::about_entry(news, waiting),
        Facts::Offer(offered) => queue::about_offer(news, offered),
    };
    words.unwrap_or_else(|| format!("{}.", title(news).1))
}

fn about_booking(news: News, rental: &Rental) -> Option<String> {
    let Rental { number, starts, ends, customer, .. } = rental;
    let car = rental.car_words();
    Some(match news {
        News::BookingConfirmed => format!("{number}: {car} from {starts} to {ends}."),
        News::BookingCancelled => settled(rental, "cancelled"),
        News::BookingNoShow => settled(rental, "given up"),
        News::BookingChanged => format!("{number}: {car} from {starts} to {ends}. It now costs {}.", rental.total.0),
        News::BookingMoved => format!("{number}: you get {car}, at the same price, from {starts} to {ends}."),
        News::ReturnDueSoon => format!("{number}: please bring {car} back by {ends}."),
        News::ReturnOverdue => {
            format!("{number}: {car} was due back at {ends}. Please bring it back or extend your booking.")
        }
        News::CarOverdue | News::OverdueEscalated => {
            format!("{car} was due back at {ends} from {}, {number}.", customer.name)
        }
        News::ConflictUnresolved if rental.is_withheld => {
            format!("{car} is back but not cleared for {number} at {starts}. Clear it, or call {}.", customer.name)
        }
        News::ConflictUnresolved => {
            format!(
                "{car} will not be there for {number} at {starts}, and no other car is free. Call {}.",
                customer.name
            )
        }
        _ => return None,
    })
}

fn about_return(news: News, returned: &Returned) -> Option<String> {
    let Rental { number, customer, .. } = &returned.rental;
    Some(match news {
        News::ReturnReported => page::verdict(returned),
        News::DecisionDue | News::DecisionOverdue => page::reminder(news, returned),
        News::ReturnReceived => {
            format!("{number}: we have {} back. {}", returned.rental.car_words(), page::looked_at(returned))
        }
        News::ReturnCleared => format!("{number}: all is well, thank you."),
        News::DamageConfirmed => {
            format!("{number}: new damage was found. Our mail shows it and says how to dispute it.")
        }
        News::DamageUntold => {
            format!("{number}: our mail to {} came back. Please tell them in another way.", customer.name)
        }
        News::DamageDisputed => format!("{number}: {} sees it differently.", customer.name),
        News::DamageSettled => settlement(returned),
        News::PhotosWanted => format!("{number}: please take the photos of the return once more."),
        _ => return None,
    })
}

fn settled(rental: &Rental, ended: &str) -> String {
    match &rental.settled {
        Some(settled) => {
            format!("{} is {ended}. Fee: {}; refund: {}.", rental.number, settled.fee.0, settled.refund.0)
        }
        None => format!("{} is {ended}.", rental.number),
    }
}

fn settlement(returned: &Returned) -> String {
    let number = &returned.rental.number;
    match &returned.case {
        Some(case) if !case.owed => format!("{number}: nothing is asked for the damage."),
        Some(case) => format!("{number}: {} are asked for the damage.", case.amount.0),
        None => format!("{number}: our mail says how it ended."),
    }
}

fn data(news: News, facts: &Facts) -> Value {
    let news = news.as_str();
    match facts {
        Facts::Account(newcomer) => json!({ "news": news, "accountId": newcomer.id }),
        Facts::Booking(rental) => json!({ "news": news, "bookingId": rental.id }),
        Facts::Return(returned) => json!({ "news": news, "bookingId": returned.rental.id, "returnId": returned.id }),
        Facts::Entry(waiting) => json!({ "news": news, "waitlistEntryId": waiting.id }),
        Facts::Offer(offered) => {
            json!({ "news": news, "waitlistEntryId": offered.waiting.id, "offerId": offered.id })
        }
    }
}
