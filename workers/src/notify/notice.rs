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
    let (kind, title, message) = words(news, facts);
    Notice { kind, title: plain(title), message: plain(&message), data: data(news, facts) }
}

fn words(news: News, facts: &Facts) -> (&'static str, &'static str, String) {
    match (news, facts) {
        (News::ReturnReported, Facts::Return(returned)) => {
            ("REVIEW", "A return waits for your decision", page::verdict(returned))
        }
        (News::DecisionDue, Facts::Return(returned)) => {
            ("REVIEW", "A return still waits for your decision", page::reminder(news, returned))
        }
        (News::DecisionOverdue, Facts::Return(returned)) => {
            ("REVIEW", "A decision on a return is overdue", page::reminder(news, returned))
        }
        (News::BookingConfirmed, Facts::Booking(rental)) => (
            "BOOKING",
            "Booking confirmed",
            format!("{}: {} from {} to {}.", rental.number, rental.car_words(), rental.starts, rental.ends),
        ),
        (News::BookingCancelled, Facts::Booking(rental)) => {
            ("BOOKING", "Booking cancelled", settled(rental, "cancelled"))
        }
        (News::BookingNoShow, Facts::Booking(rental)) => ("BOOKING", "Car not picked up", settled(rental, "given up")),
        (_, Facts::Booking(rental)) => changed_or_due(news, rental),
        (News::ReturnReceived, Facts::Return(returned)) => (
            "BOOKING",
            "Car returned",
            format!(
                "{}: we have {} back. A person looks at the photos.",
                returned.rental.number,
                returned.rental.car_words()
            ),
        ),
        (News::ReturnCleared, Facts::Return(returned)) => {
            ("BOOKING", "Return checked", format!("{}: all is well, thank you.", returned.rental.number))
        }
        (News::DamageConfirmed, Facts::Return(returned)) => (
            "BOOKING",
            "Damage confirmed",
            format!("{}: new damage was found. Our mail shows it and says how to dispute it.", returned.rental.number),
        ),
        (News::DamageDisputed, Facts::Return(returned)) => (
            "REVIEW",
            "A damage is disputed",
            format!("{}: {} sees it differently.", returned.rental.number, returned.rental.customer.name),
        ),
        (News::DamageSettled, Facts::Return(returned)) => ("BOOKING", "Damage decided", settlement(returned)),
        (News::PhotosWanted, Facts::Return(returned)) => (
            "BOOKING",
            "Better photos, please",
            format!("{}: please take the photos of the return once more.", returned.rental.number),
        ),
        (_, Facts::Entry(waiting)) => queue::about_entry(news, waiting),
        (_, Facts::Offer(offered)) => queue::about_offer(news, offered),
        _ => ("SYSTEM", "Welcome to Forecourt", "Your account is ready.".to_owned()),
    }
}

fn changed_or_due(news: News, rental: &Rental) -> (&'static str, &'static str, String) {
    let Rental { number, starts, ends, customer, .. } = rental;
    let car = rental.car_words();
    let words = |title, message| ("BOOKING", title, message);
    match news {
        News::BookingMoved => words(
            "Another car for you",
            format!("{number}: you get {car}, at the same price, from {starts} to {ends}."),
        ),
        News::ReturnDueSoon => words("Your rental ends soon", format!("{number}: please bring {car} back by {ends}.")),
        News::ReturnOverdue => words(
            "The car is overdue",
            format!("{number}: {car} was due back at {ends}. Please bring it back or extend your booking."),
        ),
        News::CarOverdue => {
            words("A car is overdue", format!("{car} was due back at {ends} from {}, {number}.", customer.name))
        }
        News::OverdueEscalated => words(
            "A car is overdue since a day",
            format!("{car} was due back at {ends} from {}, {number}.", customer.name),
        ),
        News::ConflictUnresolved if rental.is_withheld => words(
            "A customer has to be called",
            format!("{car} is back but not cleared for {number} at {starts}. Clear it, or call {}.", customer.name),
        ),
        News::ConflictUnresolved => words(
            "A customer has to be called",
            format!(
                "{car} will not be there for {number} at {starts}, and no other car is free. Call {}.",
                customer.name
            ),
        ),
        _ => words(
            "Booking changed",
            format!("{number}: {car} from {starts} to {ends}. It now costs {}.", rental.total.0),
        ),
    }
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
        Facts::Account(person) => json!({ "news": news, "accountId": person.id }),
        Facts::Booking(rental) => json!({ "news": news, "bookingId": rental.id }),
        Facts::Return(returned) => json!({ "news": news, "bookingId": returned.rental.id, "returnId": returned.id }),
        Facts::Entry(waiting) => json!({ "news": news, "waitlistEntryId": waiting.id }),
        Facts::Offer(offered) => {
            json!({ "news": news, "waitlistEntryId": offered.waiting.id, "offerId": offered.id })
        }
    }
}
