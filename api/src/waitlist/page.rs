//! `/waitlist/{token}`: a place in the queue, for whoever got the mail. GET only shows.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{
    link as link_row, notification,
    supply::{Bookable, Wanted},
    waitlist_entry, waitlist_offer,
};
use jobs::{
    Job,
    notify::News,
    waitlist::{BookFreeTime, LeaveWaitlist, RejoinWaitlist},
};
use platform::link::{ENTRY, OFFER, hash};
use poem::{
    Endpoint, Response, Route, get, handler,
    http::StatusCode,
    web::{Data, Path},
};
use rules::waitlist::{EntryState, OfferState, facts, moment};
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, sea_query::Expr};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::{
    accept::{Asking, Ending},
    error::ApiError,
    form::Form,
    front::Front,
    link::{self, Opened},
    offer::{Fact, answer, behind_link, nowhere, pending, write},
    page::{Frame, Page},
    pressed::{self, Pressed, again},
};

/// What can be pressed here.
const PRESSED: pressed::Page =
    pressed::Page { kinds: &[BookFreeTime::KIND, LeaveWaitlist::KIND, RejoinWaitlist::KIND], subject: "entry_id" };

/// The address behind the link in the mail.
pub(crate) fn routes() -> impl Endpoint {
    behind_link(Route::new().at("/:token", get(show).post(send)))
}

#[handler]
async fn show(Data(front): Data<&Arc<Front>>, Path(token): Path<String>, pressed: Pressed) -> Response {
    answer(look(front, &token, &pressed).await)
}

#[handler]
async fn send(Data(front): Data<&Arc<Front>>, Path(token): Path<String>, asking: Asking, body: poem::Body) -> Response {
    answer(submit(front, &token, &asking, body).await)
}

/// Everything on the page.
#[derive(Serialize)]
struct Face {
    what: String,
    tone: &'static str,
    label: &'static str,
    sentence: String,
    refused: Option<String>,
    facts: Vec<Fact>,
    free: Option<Free>,
    /// The page of the live offer, once its mail was written.
    offer: Option<String>,
    rejoin: bool,
    leave: bool,
    action: String,
    csrf: String,
    zone: String,
    reader: String,
    entry_id: String,
}

/// Time that is free for the first to book it, and what its button sends.
#[derive(Serialize)]
struct Free {
    facts: Vec<Fact>,
    total: String,
    car: Uuid,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    amount: i64,
}

/// An entry with all that its page shows.
struct Sheet {
    entry: waitlist_entry::Model,
    wanted: Wanted,
    offer: Option<waitlist_offer::Model>,
    position: Option<i64>,
    free: Option<Bookable>,
    /// A final call has reached them.
    called: bool,
}

impl Sheet {
    async fn load(front: &Front, opened: &Opened) -> Result<Option<Self>, DbErr> {
        let db = &front.db;
        let entry = waitlist_entry::Entity::find_by_id(opened.subject_id).one(db).await?;
        let Some(entry) = entry.filter(|entry| entry.customer_id == opened.reader.id) else { return Ok(None) };
        let Some(wanted) = Wanted::of(db, &entry).await? else { return Ok(None) };
        let live = waitlist_offer::Entity::find()
            .filter(waitlist_offer::Column::EntryId.eq(entry.id))
            .filter(waitlist_offer::Column::State.eq(OfferState::Offered.as_str()));
        let (offer, position) = (live.one(db).await?, waitlist_entry::position(db, &entry).await?);
        let free = match entry.state.0 {
            EntryState::Waiting => wanted.bookable(db, &entry, front.settings.shared.waitlist_terms).await?,
            _ => Vec::new(),
        };
        let free = free.into_iter().find(Bookable::is_first_come);
        let called = was_called(db, &entry).await?;
        Ok(Some(Self { entry, wanted, offer, position, free, called }))
    }
}

async fn was_called(db: &DatabaseConnection, entry: &waitlist_entry::Model) -> Result<bool, DbErr> {
    let about = json!({ "news": News::FinalCall, "waitlistEntryId": entry.id });
    let call = notification::Entity::find()
        .filter(notification::Column::AccountId.eq(entry.customer_id))
        .filter(Expr::cust_with_values("data @> $1", [about]));
    Ok(call.one(db).await?.is_some())
}

async fn look(front: &Front, token: &str, pressed: &Pressed) -> Result<Response, ApiError> {
    let Some(opened) = link::find(&front.db, token, ENTRY).await? else { return Ok(nowhere()) };
    match pressed.find(front, &PRESSED, opened.subject_id, opened.reader.id).await? {
        Some((_, ending)) => told(front, token, ending).await,
        None => visit(front, token, StatusCode::OK, None).await,
    }
}

async fn visit(front: &Front, token: &str, status: StatusCode, refused: Option<String>) -> Result<Response, ApiError> {
    let Some(opened) = link::find(&front.db, token, ENTRY).await? else { return Ok(nowhere()) };
    let Some(sheet) = Sheet::load(front, &opened).await? else { return Ok(nowhere()) };
    let face = face(front, &sheet, &opened, token, refused).await?;
    Ok(Page::Waitlist.show(status, Frame { title: &face.what, aside: "Your place on the waitlist" }, &face))
}

async fn submit(front: &Front, token: &str, asking: &Asking, body: poem::Body) -> Result<Response, ApiError> {
    let Some(opened) = link::find(&front.db, token, ENTRY).await? else { return Ok(nowhere()) };
    let Some(filled) = opened.filled(front, body).await? else {
        let words = "The form did not come from this page, so nothing was done. Please press the button again.";
        return visit(front, token, StatusCode::FORBIDDEN, Some(words.to_owned())).await;
    };
    let (entry_id, reader) = (opened.subject_id, opened.reader.id);
    let ending = match filled.press() {
        "book" => match booking(&filled, entry_id, reader) {
            Some(book) => write(front, asking, &book, reader).await,
            None => return visit(front, token, StatusCode::UNPROCESSABLE_ENTITY, None).await,
        },
        "leave" => write(front, asking, &LeaveWaitlist { entry_id, left_by: reader }, reader).await,
        "rejoin" => write(front, asking, &RejoinWaitlist { entry_id, customer_id: reader }, reader).await,
        _ => return visit(front, token, StatusCode::UNPROCESSABLE_ENTITY, None).await,
    };
    told(front, token, ending).await
}

/// What became of what was pressed.
async fn told(front: &Front, token: &str, ending: Result<Ending, ApiError>) -> Result<Response, ApiError> {
    match ending {
        Ok(Ending::Done(_)) => visit(front, token, StatusCode::OK, None).await,
        Ok(Ending::Pending(job)) => Ok(pending(&again(&format!("/waitlist/{token}"), job.id))),
        Err(error) => visit(front, token, error.http_status(), Some(error.words())).await,
    }
}

/// What the button to book says: exactly what the page showed.
fn booking(filled: &Form, entry_id: Uuid, customer_id: Uuid) -> Option<BookFreeTime> {
    Some(BookFreeTime {
        entry_id,
        customer_id,
        booking_id: Uuid::now_v7(),
        car_id: filled.text("car").parse().ok()?,
        start: filled.text("start").parse().ok()?,
        end: filled.text("end").parse().ok()?,
        total: filled.text("total").parse().ok()?,
    })
}

async fn face(
    front: &Front,
    sheet: &Sheet,
    opened: &Opened,
    token: &str,
    refused: Option<String>,
) -> Result<Face, ApiError> {
    let Sheet { entry, wanted, .. } = sheet;
    let zone: Tz = wanted.branch.time_zone.parse().map_err(ApiError::internal)?;
    let what = match (&wanted.car, entry.category) {
        (Some(car), _) => format!("{} {}", car.make, car.model),
        (None, category) => {
            let class = category.map_or("any", |category| category.0.as_str());
            format!("{class} car{}", if entry.or_better { " or better" } else { "" })
        }
    };
    let (tone, label, sentence) = standing(sheet, opened, zone);
    // Neither leaves a trace nor rejoins once the wish cannot be met.
    let in_time = opened.now < opened.expires_at;
    Ok(Face {
        what,
        tone,
        label,
        sentence,
        refused,
        facts: wishes(sheet, zone),
        free: sheet.free.as_ref().map(|free| Free::of(free, zone)),
        offer: offer_page(front, sheet).await?,
        rejoin: entry.state.0 == EntryState::Lapsed && in_time,
        leave: entry.state.0.is_active(),
        action: format!("/waitlist/{token}"),
        csrf: opened.csrf(front),
        zone: zone.name().to_owned(),
        reader: opened.reader.name.clone(),
        entry_id: entry.id.to_string(),
    })
}

fn fact(name: &str, value: String) -> Fact {
    Fact { name: name.to_owned(), value }
}

impl Free {
    fn of(free: &Bookable, zone: Tz) -> Self {
        let Bookable { car, fit, quote, .. } = free;
        let stands = car.location.iter().map(|place| fact("Stands", place.clone()));
        let facts = [
            fact("Car", format!("{} {}, {}", car.make, car.model, car.plate)),
            fact("From", moment(fit.period.start, zone)),
            fact("To", moment(fit.period.end, zone)),
        ];
        Self {
            facts: facts.into_iter().chain(stands).collect(),
            total: quote.total.to_string(),
            car: car.id,
            start: fit.period.start,
            end: fit.period.end,
            amount: quote.total.amount,
        }
    }
}

fn wishes(sheet: &Sheet, zone: Tz) -> Vec<Fact> {
    let mut all = vec![fact("Branch", sheet.wanted.branch.name.clone())];
    let wish = sheet.entry.wish(zone).map(|wish| facts(&wish, zone)).unwrap_or_default();
    all.extend(wish.into_iter().map(|(name, value)| fact(name, value)));
    all.extend(sheet.entry.cap().map(|cap| fact("At most", cap.to_string())));
    all
}

/// How the entry stands: tone, label, sentence.
fn standing(sheet: &Sheet, opened: &Opened, zone: Tz) -> (&'static str, &'static str, String) {
    let plain = |words: &str| words.to_owned();
    match sheet.entry.state.0 {
        EntryState::Waiting if sheet.free.is_some() => (
            "good",
            "FREE NOW",
            plain("A car is free for you at this moment. Nothing is held: the first to book it has it."),
        ),
        EntryState::Waiting => {
            let place = sheet.position.map_or_else(String::new, |place| format!("Your place in the queue: {place}. "));
            let late = if sheet.called { "What was free at short notice is gone: somebody was faster. " } else { "" };
            ("good", "WAITING", format!("{late}{place}We write to you as soon as it is your turn."))
        }
        EntryState::Offered => {
            let until = sheet.offer.as_ref().map(|offer| format!(" until {}", moment(offer.expires_at, zone)));
            let until = until.unwrap_or_default();
            (
                "good",
                "OFFERED",
                format!("A car is held for you{until}. Answer on the page of the offer, from the mail."),
            )
        }
        EntryState::Fulfilled => ("good", "SERVED", plain("There is a booking: your wish has come true.")),
        EntryState::Lapsed if opened.now < opened.expires_at => {
            ("warn", "NOT WAITING", plain("Two offers got no answer, so nobody asks you again unless you want to."))
        }
        EntryState::Lapsed => ("plain", "OVER", plain("You no longer wait, and the time you wished for has come.")),
        EntryState::Left => ("plain", "LEFT", plain("You have left the waitlist. Nobody asks you again.")),
        EntryState::Closed => ("plain", "OVER", plain("Nothing became free in time.")),
        EntryState::Blocked => ("warn", "ON HOLD", plain("The branch looks at your entry before you are asked again.")),
    }
}

/// The page of the live offer, if its mail is on the way: the link is made when the mail is.
async fn offer_page(front: &Front, sheet: &Sheet) -> Result<Option<String>, DbErr> {
    let Some(offer) = &sheet.offer else { return Ok(None) };
    let token = link::key(front).token(OFFER, offer.id, offer.customer_id, 0);
    let made = link_row::Entity::find_by_id(hash(&token).to_vec()).one(&front.db).await?;
    Ok(made.map(|_| format!("/offer/{token}")))
}
