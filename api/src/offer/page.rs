//! `/offer/{token}`: freed time is taken or left by whoever got the mail. GET only shows.

use std::sync::Arc;

use entity::{booking, branch, car, waitlist_entry, waitlist_offer};
use jobs::{
    Job,
    ledger::Entry,
    waitlist::{AcceptOffer, DeclineOffer},
};
use platform::link::OFFER;
use poem::{
    Endpoint, EndpointExt, Response, Route,
    error::NotFoundError,
    get, handler,
    http::StatusCode,
    web::{Data, Path},
};
use rules::waitlist::{EntryState, Missed, OfferState, has_expired, moment};
use sea_orm::EntityTrait;
use serde_json::json;
use uuid::Uuid;

use super::face::{Face, zone};
use crate::{
    accept::{Asking, Ending, Key, job_for},
    error::ApiError,
    front::Front,
    link::{self, Opened},
    page::{Done, Frame, Page, words},
    pressed::{self, Pressed, again},
};

/// What can be pressed here.
const PRESSED: pressed::Page = pressed::Page { kinds: &[AcceptOffer::KIND, DeclineOffer::KIND], subject: "offer_id" };

/// The address behind the link in the mail.
pub(crate) fn routes() -> impl Endpoint {
    behind_link(Route::new().at("/:token", get(show).post(send)))
}

/// Pages behind a link of a mail, which are for people wherever they come out.
pub(crate) fn behind_link(routes: Route) -> impl Endpoint {
    routes.catch_error(async |_: NotFoundError| nowhere()).map_to_response()
}

#[handler]
async fn show(Data(front): Data<&Arc<Front>>, Path(token): Path<String>, pressed: Pressed) -> Response {
    answer(visit(front, &token, &pressed).await)
}

#[handler]
async fn send(Data(front): Data<&Arc<Front>>, Path(token): Path<String>, asking: Asking, body: poem::Body) -> Response {
    answer(submit(front, &token, &asking, body).await)
}

/// Whoever came from a mail reads words, not a problem document.
pub(crate) fn answer(shown: Result<Response, ApiError>) -> Response {
    shown.unwrap_or_else(|error| {
        let status = error.http_status();
        words(status, error.problem.title, &error.detail)
    })
}

/// A link that was cut off, or never was one.
pub(crate) fn nowhere() -> Response {
    words(
        StatusCode::NOT_FOUND,
        "This link leads nowhere",
        "Perhaps it was cut off on its way. Please open it from the mail again, or copy its whole address.",
    )
}

/// An offer with all that its page shows.
pub(super) struct Sheet {
    pub(super) offer: waitlist_offer::Model,
    pub(super) entry: waitlist_entry::Model,
    pub(super) car: car::Model,
    pub(super) branch: branch::Model,
    /// What of the wish it is not.
    pub(super) missed: Missed,
}

impl Sheet {
    async fn load(front: &Front, opened: &Opened) -> Result<Option<Self>, ApiError> {
        let offer = waitlist_offer::Entity::find_by_id(opened.subject_id).one(&front.db).await?;
        let Some(offer) = offer.filter(|offer| offer.customer_id == opened.reader.id) else { return Ok(None) };
        let entry = waitlist_entry::Entity::find_by_id(offer.entry_id).one(&front.db).await?;
        let car = car::Entity::find_by_id(offer.car_id).one(&front.db).await?;
        let branch = branch::Entity::find_by_id(offer.branch_id).one(&front.db).await?;
        let (Some(entry), Some(car), Some(branch)) = (entry, car, branch) else { return Ok(None) };
        let missed = entry.missed(&front.db, &car).await?;
        Ok(Some(Self { offer, entry, car, branch, missed }))
    }
}

async fn visit(front: &Front, token: &str, pressed: &Pressed) -> Result<Response, ApiError> {
    let Some(opened) = link::find(&front.db, token, OFFER).await? else { return Ok(nowhere()) };
    match pressed.find(front, &PRESSED, opened.subject_id, opened.reader.id).await? {
        Some((Entry { kind, .. }, ending)) => {
            told(front, token, if kind == AcceptOffer::KIND { "accept" } else { "decline" }, ending).await
        }
        None => stand(front, token, StatusCode::GONE, None).await,
    }
}

/// What was pressed in vain, and why.
type Vain<'a> = (&'a str, ApiError);

/// How the offer stands; `ended` is the status of a page with nothing left to press.
async fn stand(front: &Front, token: &str, ended: StatusCode, vain: Option<Vain<'_>>) -> Result<Response, ApiError> {
    let Some(opened) = link::find(&front.db, token, OFFER).await? else { return Ok(nowhere()) };
    let Some(sheet) = Sheet::load(front, &opened).await? else { return Ok(nowhere()) };
    if sheet.offer.state.0.is_live() && !has_expired(opened.now, sheet.offer.expires_at) {
        let (status, refused) = vain.map_or((StatusCode::OK, None), |(_, why)| (why.http_status(), Some(why.words())));
        return open(front, token, &opened, &sheet, status, refused);
    }
    let stands = |press: &str| {
        matches!((press, sheet.offer.state.0), ("accept", OfferState::Accepted) | ("decline", OfferState::Declined))
    };
    let unused = vain.filter(|(press, _)| !stands(press));
    let unused = unused.map(|_| "What you sent was not used: the offer had ended before.".to_owned());
    over(front, &sheet, ended, unused).await
}

/// What became of what was pressed.
async fn told(front: &Front, token: &str, press: &str, ending: Result<Ending, ApiError>) -> Result<Response, ApiError> {
    match ending {
        Ok(Ending::Done(_)) => stand(front, token, StatusCode::OK, None).await,
        Ok(Ending::Pending(job)) => Ok(pending(&again(&format!("/offer/{token}"), job.id))),
        // Too late, or decided in another window: the page says how it stands.
        Err(error) => stand(front, token, StatusCode::CONFLICT, Some((press, error))).await,
    }
}

fn open(
    front: &Front,
    token: &str,
    opened: &Opened,
    sheet: &Sheet,
    status: StatusCode,
    refused: Option<String>,
) -> Result<Response, ApiError> {
    let face = Face::of(sheet, opened, token, opened.csrf(front), refused)?;
    let title = format!("{} {}", sheet.car.make, sheet.car.model);
    Ok(Page::Offer.show(status, Frame { title: &title, aside: "An offer from the waitlist" }, &face))
}

async fn submit(front: &Front, token: &str, asking: &Asking, body: poem::Body) -> Result<Response, ApiError> {
    let Some(opened) = link::find(&front.db, token, OFFER).await? else { return Ok(nowhere()) };
    let Some(sheet) = Sheet::load(front, &opened).await? else { return Ok(nowhere()) };
    let Some(filled) = opened.filled(front, body).await? else {
        let words = "The form did not come from this page, so nothing was done. Please press the button again.";
        return open(front, token, &opened, &sheet, StatusCode::FORBIDDEN, Some(words.to_owned()));
    };
    let (offer_id, customer_id) = (sheet.offer.id, opened.reader.id);
    let ending = match filled.press() {
        "accept" => {
            write(front, asking, &AcceptOffer { offer_id, booking_id: Uuid::now_v7(), customer_id }, customer_id).await
        }
        "decline" => write(front, asking, &DeclineOffer { offer_id, customer_id }, customer_id).await,
        _ => return open(front, token, &opened, &sheet, StatusCode::UNPROCESSABLE_ENTITY, None),
    };
    told(front, token, filled.press(), ending).await
}

/// What is true of everything that takes longer: it may be refused yet, and no mail tells of that.
pub(crate) const PENDING: &str = "It is kept safely and takes a moment longer than usual. Please look again in a \
                                  moment: this page then says how it ended.";

/// Enqueues what a button of a page says, in the name of whom the mail was sent to.
pub(crate) async fn write(front: &Front, asking: &Asking, job: &impl Job, reader: Uuid) -> Result<Ending, ApiError> {
    let job = job_for(asking, Key::Optional, Some(reader), job, &json!(job))?;
    front.write(asking, job).await
}

/// It was accepted and is being carried out; `again` is where it is told how it ended.
pub(crate) fn pending(again: &str) -> Response {
    Done {
        tone: "plain",
        label: "ACCEPTED",
        heading: "Your answer is being carried out".to_owned(),
        sentence: PENDING.to_owned(),
        again: Some(again.to_owned()),
        ..Done::default()
    }
    .show(StatusCode::ACCEPTED)
}

/// How the offer ended, and what comes next.
async fn over(front: &Front, sheet: &Sheet, status: StatusCode, unused: Option<String>) -> Result<Response, ApiError> {
    let (offer, zone) = (&sheet.offer, zone(&sheet.offer)?);
    let car = format!("{} {}", sheet.car.make, sheet.car.model);
    let dates = format!("{} to {}", moment(offer.starts_at, zone), moment(offer.ends_at, zone));
    let next = next(sheet.entry.state.0);
    // Where nobody else waits, it is the same person who is asked again.
    let passed_on = match sheet.entry.state.0 {
        EntryState::Offered => "",
        _ => "Now it goes to the next person. ",
    };
    let done = match offer.state.0 {
        OfferState::Accepted => {
            let booking = match offer.booking_id {
                Some(id) => booking::Entity::find_by_id(id).one(&front.db).await?,
                None => None,
            };
            let number = booking.map(|booking| format!("Booking {}", booking.number)).unwrap_or_default();
            Done {
                tone: "good",
                label: "ACCEPTED",
                heading: format!("The {car} is yours"),
                sentence: "You accepted this offer. The confirmation comes by mail, with everything you need."
                    .to_owned(),
                items: vec![number, dates, format!("{}, {}", sheet.branch.name, sheet.car.plate)],
                ..Done::default()
            }
        }
        OfferState::Declined => Done {
            tone: "plain",
            label: "DECLINED",
            heading: "You declined this offer".to_owned(),
            sentence: format!("The {car} goes to the next person. {next}"),
            items: vec![dates],
            ..Done::default()
        },
        OfferState::Revoked => Done {
            tone: "warn",
            label: "TAKEN BACK",
            heading: "This offer was taken back".to_owned(),
            sentence: format!("The {car} is not available for these dates after all. {next}"),
            items: vec![dates],
            ..Done::default()
        },
        OfferState::Offered | OfferState::Expired => Done {
            tone: "bad",
            label: "ENDED",
            heading: "This offer has ended".to_owned(),
            sentence: format!("It was held for you until {}. {passed_on}{next}", moment(offer.expires_at, zone)),
            items: vec![format!("{car}, {dates}")],
            ..Done::default()
        },
    };
    Ok(Done { unused, ..done }.show(status))
}

fn next(state: EntryState) -> &'static str {
    match state {
        EntryState::Waiting => "You still wait, and we write to you when it is your turn again.",
        EntryState::Offered => "We hold a car for you once more; see the newer mail.",
        EntryState::Lapsed => "You no longer wait; the newest mail has a button to join again.",
        EntryState::Blocked => "The branch looks at your entry before you are asked again.",
        EntryState::Fulfilled | EntryState::Left | EntryState::Closed => "You no longer wait.",
    }
}
