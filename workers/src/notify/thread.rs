//! The ids of mails, and which mail follows which.

use jobs::notify::{News, SendMail};
use uuid::Uuid;

use super::facts::Facts;

/// Derived from what the mail says to whom, so that every try is the same mail.
pub(super) fn message_id(mail: &SendMail, domain: &str) -> String {
    id(mail.news, mail.subject_id, mail.turn, mail.account_id, domain)
}

/// The mails that this one follows, the oldest first: those with which the
/// booking, the return, the waiting and the offer began for this recipient.
pub(super) fn before(mail: &SendMail, facts: &Facts, domain: &str) -> Vec<String> {
    let first = |news, subject| id(news, subject, 0, mail.account_id, domain);
    let mut thread = match (mail.news, facts) {
        (_, Facts::Account(_)) => vec![],
        (news, Facts::Booking(_)) if news.is_for_staff() => vec![],
        (_, Facts::Booking(rental)) => vec![first(News::BookingConfirmed, rental.id)],
        (news, Facts::Return(returned)) if news.is_for_staff() => vec![first(News::ReturnReported, returned.id)],
        (_, Facts::Return(returned)) => {
            vec![first(News::BookingConfirmed, returned.rental.id), first(News::ReturnReceived, returned.id)]
        }
        (_, Facts::Entry(waiting)) => vec![first(News::WaitlistJoined, waiting.id)],
        (_, Facts::Offer(offered)) => {
            vec![first(News::WaitlistJoined, offered.waiting.id), first(News::OfferMade, offered.id)]
        }
    };
    let own = message_id(mail, domain);
    thread.retain(|id| *id != own);
    thread
}

fn id(news: News, subject: Uuid, turn: i32, account: Uuid, domain: &str) -> String {
    format!("{}.{subject}.{turn}.{account}@{domain}", news.as_str())
}
