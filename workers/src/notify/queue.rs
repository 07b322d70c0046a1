//! What the mails and notices about the waitlist say in one line, and where they lead.

use chrono::{DateTime, Utc};
use jobs::notify::News;
use rules::waitlist::EntryState;
use sea_orm::DbErr;

use super::{
    facts::{Facts, Offered, Waiting},
    notice::title,
};
use crate::{Context, link};

pub(super) fn about_entry(news: News, waiting: &Waiting) -> Option<String> {
    let wish = format!("{} ({}), {}", waiting.what, waiting.branch, waiting.when);
    Some(match news {
        News::WaitlistJoined => format!("{wish}: {}", place(waiting)),
        News::FinalCall => format!("{wish}: a car is free. The first to book it has it; nothing is held."),
        News::WaitlistLapsed => {
            format!("{wish}: two offers got no answer, so nobody asks you again. One press of a button rejoins.")
        }
        News::WaitlistClosed => format!("{wish}: {}. Thank you for your patience.", over(waiting).to_lowercase()),
        _ => return None,
    })
}

/// Why nobody waits any more for what was waited for.
fn over(waiting: &Waiting) -> &'static str {
    if waiting.retired {
        "The car has left our fleet"
    } else if waiting.was_offered {
        "Your wish can no longer be met"
    } else {
        "Nothing became free in time"
    }
}

pub(super) fn about_offer(news: News, offered: &Offered) -> Option<String> {
    let what = format!("{} from {} to {}", offered.car, offered.starts, offered.ends);
    let until = offered.expires;
    Some(match news {
        News::OfferMade => format!("{what} for {}, held for you until {until}.", offered.total.0),
        News::OfferReminder => format!("{what} is held for you until {until}."),
        News::OfferExpired => format!("{what} went to the next. {}", next(&offered.waiting)),
        News::OfferRevoked => format!("{what}. {}", next(&offered.waiting)),
        News::OfferDeclined => format!("{what} goes to the next. Your place in the queue is kept."),
        _ => return None,
    })
}

fn place(waiting: &Waiting) -> String {
    match waiting.position {
        Some(1) => "nobody is ahead of you.".to_owned(),
        Some(position) => format!("you are number {position} in the queue."),
        None => "we tell you when it is your turn.".to_owned(),
    }
}

fn next(waiting: &Waiting) -> &'static str {
    match waiting.state {
        EntryState::Waiting => "You still wait.",
        EntryState::Offered => "There is a newer offer for you.",
        EntryState::Blocked => "You are not asked again until the branch says so.",
        _ => "You no longer wait.",
    }
}

pub(super) fn entry_subject(news: News, waiting: &Waiting) -> String {
    let said = match news {
        News::FinalCall => "Free at short notice, first come, first served",
        News::WaitlistClosed => over(waiting),
        _ => title(news).1,
    };
    format!("{said}: {}, {}", waiting.what, waiting.when)
}

pub(super) fn offer_subject(news: News, offered: &Offered) -> String {
    let what = format!("{}, {}", offered.car, offered.starts);
    match news {
        News::OfferMade => format!("A car is free for you: {what} – answer by {}", offered.expires),
        News::OfferReminder => format!("Still yours until {}: {what}", offered.expires),
        News::OfferRevoked => format!("We had to take an offer back: {what}"),
        _ => format!("{}: {what}", title(news).1),
    }
}

/// The pages at which the recipient answers the offer and handles the entry.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn links(
    context: &Context,
    facts: &Facts,
    now: DateTime<Utc>,
) -> Result<(Option<String>, Option<String>), DbErr> {
    let (offer, waiting) = match facts {
        Facts::Entry(waiting) => (None, &**waiting),
        Facts::Offer(offered) => {
            let (customer, expires_at) = (offered.waiting.customer.id, offered.expires.at);
            (Some(link::offer(context, offered.id, customer, expires_at, now).await?), &offered.waiting)
        }
        _ => return Ok((None, None)),
    };
    let entry = link::entry(context, waiting.id, waiting.customer.id, waiting.latest_start, now).await?;
    Ok((offer, Some(entry)))
}
