//! From facts to a mail, and nothing else: no clock, no database, no server.

use chrono::{DateTime, TimeDelta, Utc};
use jobs::notify::News;
use rules::waitlist::EntryState;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    facts::{Facts, Rental, Returned},
    notice::{notice, title},
    page::{self, Page},
    queue,
    side::{self, Pictures, Side},
    template,
    word::{When, make_plain, plain},
};
use crate::{
    calendar::{self, Method},
    mailer::{Attachment, Mail},
};

/// A next rental so soon after the end, or after now where that is over.
const SOON: TimeDelta = TimeDelta::days(3);

/// What a mail depends on besides its facts.
pub(crate) struct Recipient {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) now: DateTime<Utc>,
    /// When the mail was asked for.
    pub(crate) stamp: DateTime<Utc>,
    /// The address that mails come from.
    pub(crate) house: String,
    pub(crate) domain: String,
    /// Where this very recipient decides.
    pub(crate) review: Option<String>,
    /// Where they take the offer that the mail is about.
    pub(crate) offer: Option<String>,
    /// Where they leave the queue, or join it again.
    pub(crate) entry: Option<String>,
    /// Where they answer the damage case that the mail is about.
    pub(crate) case: Option<String>,
    pub(crate) pictures: Pictures,
}

/// # Errors
/// When a template names what the facts lack.
pub(crate) fn mail(news: News, facts: &Facts, to: &Recipient) -> anyhow::Result<Mail> {
    let subject = plain(&subject(news, facts, to));
    let sides = sides(news, facts, to);
    let mut document = document(news, facts, to, &sides);
    document["subject"] = json!(subject);
    make_plain(&mut document);
    Ok(Mail {
        subject,
        html: template::html(news, &document)?,
        text: template::text(news, &document)?,
        inline: match facts {
            Facts::Return(returned) => side::inline(&sides, returned, &to.pictures, &to.domain),
            _ => vec![],
        },
        attachment: attachment(news, facts, to),
    })
}

fn subject(news: News, facts: &Facts, to: &Recipient) -> String {
    match (news, facts) {
        (news, Facts::Return(returned)) if news.asks_for_decision() => page::subject(news, returned, to.now),
        (_, Facts::Booking(rental)) => about_booking(news, rental),
        (_, Facts::Return(returned)) => {
            let rental = &returned.rental;
            let what = match news {
                News::ReturnReceived => "We have your car back",
                News::ReturnCleared => "All is well with your return",
                News::DamageConfirmed => "Damage found after your return",
                News::DamageUntold => "[Call] A customer has to be told of a damage",
                News::DamageDisputed => "[Dispute] A confirmed damage is disputed",
                News::DamageSettled => settlement(returned),
                News::PhotosWanted => "Please take better photos of your return",
                _ => title(news).1,
            };
            format!("{what}: {} ({})", rental.car_words(), rental.number)
        }
        (_, Facts::Account(_)) => title(news).1.to_owned(),
        (_, Facts::Entry(waiting)) => queue::entry_subject(news, waiting),
        (_, Facts::Offer(offered)) => queue::offer_subject(news, offered),
    }
}

/// What the damage comes to.
fn settlement(returned: &Returned) -> &'static str {
    match &returned.case {
        Some(case) if !case.owed => "Nothing is asked for the damage",
        Some(case) if case.reduced => "The amount for the damage is lower now",
        _ => "The amount for the damage stands",
    }
}

fn about_booking(news: News, rental: &Rental) -> String {
    let Rental { number, car, starts, ends, .. } = rental;
    let next = rental.next.as_ref().map(|next| format!(" – next rental {}", next.starts)).unwrap_or_default();
    match news {
        News::BookingMoved => format!("Another car for your booking {number}: {car}, {starts}"),
        News::ReturnDueSoon => format!("Please bring the {car} back by {ends} ({number})"),
        News::ReturnOverdue => format!("The {car} was due back at {ends} ({number})"),
        News::CarOverdue => format!("[Overdue] {} – due {ends}{next}", rental.car_words()),
        News::OverdueEscalated => format!("[Overdue][24 h] {} – due {ends}{next}", rental.car_words()),
        News::ConflictUnresolved if rental.is_withheld => {
            format!("[Call] Not cleared for {number}: {}, {starts}", rental.car_words())
        }
        News::ConflictUnresolved => format!("[Call] No car for {number}: {}, {starts}", rental.car_words()),
        News::BookingConfirmed => format!("Booking {number} confirmed: {car}, {starts}"),
        News::BookingCancelled => format!("Booking {number} cancelled: {car}, {starts}"),
        News::BookingNoShow => format!("Booking {number} not picked up: {car}, {starts}"),
        News::BookingChanged => format!("Booking {number} changed: {car}, {starts}"),
        _ => format!("{}: {}, {number}", title(news).1, rental.car_words()),
    }
}

/// When the car goes out again, if that is so soon that it concerns whoever has it.
fn next_start(rental: &Rental, now: DateTime<Utc>) -> Option<When> {
    let next = rental.next.as_ref().map(|next| next.starts);
    next.filter(|next| next.at <= now.max(rental.ends.at) + SOON)
}

fn sides(news: News, facts: &Facts, to: &Recipient) -> Vec<Side> {
    match (news, facts) {
        (News::ReturnReported, Facts::Return(returned)) => side::all(returned, &to.pictures, &to.domain),
        (News::DamageConfirmed | News::DamageDisputed, Facts::Return(returned)) => {
            side::damaged(returned, &to.pictures, &to.domain)
        }
        _ => vec![],
    }
}

fn document(news: News, facts: &Facts, to: &Recipient, sides: &[Side]) -> Value {
    let links = json!({ "offer": to.offer, "entry": to.entry, "case": to.case });
    let preheader = notice(news, facts).message;
    let mut document = json!({ "to": to.name, "preheader": preheader, "sides": sides, "links": links });
    match facts {
        Facts::Account(newcomer) => {
            document["zone"] = Value::Null;
            document["newcomer"] = json!(newcomer);
        }
        Facts::Booking(rental) => {
            document["zone"] = json!(rental.zone);
            document["rental"] = json!(rental);
            document["next_start"] = json!(next_start(rental, to.now));
        }
        Facts::Return(returned) => {
            document["zone"] = json!(returned.rental.zone);
            document["rental"] = json!(returned.rental);
            document["return"] = json!(returned);
            document["page"] = json!(Page::of(news, returned, to));
            let answer_by = returned.case.as_ref().map(|case| case.answer_by(to.now));
            let zone = returned.rental.starts.zone;
            document["answer_by"] = json!(answer_by.map(|at| When { at, zone }));
        }
        Facts::Entry(waiting) => {
            document["zone"] = json!(waiting.zone);
            document["waiting"] = json!(waiting);
        }
        Facts::Offer(offered) => {
            document["zone"] = json!(offered.zone);
            document["offer"] = json!(offered);
            document["waiting"] = json!(offered.waiting);
            document["waits"] = json!(offered.waiting.state == EntryState::Waiting);
            document["asked_again"] = json!(offered.waiting.state == EntryState::Offered);
            document["on_hold"] = json!(offered.waiting.state == EntryState::Blocked);
        }
    }
    document
}

fn attachment(news: News, facts: &Facts, to: &Recipient) -> Option<Attachment> {
    let (method, rental) = match (news, facts) {
        (News::BookingConfirmed | News::BookingChanged | News::BookingMoved, Facts::Booking(rental)) => {
            (Method::Publish, rental)
        }
        (News::BookingCancelled | News::BookingNoShow, Facts::Booking(rental)) => (Method::Cancel, rental),
        _ => return None,
    };
    let event = calendar::Event {
        uid: format!("booking-{}@{}", rental.id, to.domain),
        sequence: rental.version,
        stamp: to.stamp,
        start: rental.starts.at,
        end: rental.ends.at,
        summary: format!("Rental car {} ({})", rental.car, rental.plate),
        location: place(rental),
        description: format!("Booking {}. Pick up at {}, bring back by {}.", rental.number, rental.starts, rental.ends),
        organizer: to.house.clone(),
    };
    Some(Attachment {
        file_name: format!("{}.ics", rental.number),
        content_type: method.content_type(),
        body: calendar::file(method, &event),
    })
}

fn place(rental: &Rental) -> String {
    match &rental.address {
        Some(address) => format!("{}, {address}", rental.branch),
        None => rental.branch.clone(),
    }
}
