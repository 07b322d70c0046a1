//! `/damage/{token}`: the customer agrees or disputes, staff answer a dispute. GET only shows.

use std::{sync::Arc, time::Duration};

use entity::{booking, car, damage_case, photo};
use jobs::damage::{AcceptDamage, DisputeDamage, SettleDamage};
use platform::link::DAMAGE;
use poem::{
    Endpoint, Request, RequestBody, Response, Route, get, handler,
    http::StatusCode,
    web::{Data, Path},
};
use rules::{damage::MOST_DISPUTE_PHOTOS, money::Currency, problem};
use sea_orm::EntityTrait;
use uuid::Uuid;

use super::{
    face::{Face, Sheet, Showing},
    press::{ANSWERS, PRESSED, in_vain, refilled},
};
use crate::{
    accept::{Asking, Ending},
    auth::Origin,
    error::ApiError,
    form::Form,
    front::Front,
    link::{self, Opened},
    media,
    offer::{answer, behind_link, nowhere, pending, write},
    page::{Done, Frame, Page},
    picture::copies,
    pressed::{Pressed, again},
    review::amount,
    shape::is_multipart,
    upload::{Incoming, Statement},
    words::{DISPUTE, REASON, written},
};

/// The addresses behind the link in a mail.
pub(crate) fn routes() -> impl Endpoint {
    behind_link(Route::new().at("/:token", get(show).post(send)).at("/:token/photo/:id/:variant", get(show_photo)))
}

/// How long a dispute is waited for: five photos take some seconds to judge, and whether they are taken is told to
/// nobody who has left.
const WITH_PHOTOS: Duration = Duration::from_secs(20);

#[handler]
async fn show(Data(front): Data<&Arc<Front>>, Path(token): Path<String>, pressed: Pressed) -> Response {
    answer(visit(front, &token, &pressed).await)
}

#[handler]
async fn send(
    Data(front): Data<&Arc<Front>>,
    Path(token): Path<String>,
    asking: Asking,
    origin: Origin,
    request: &Request,
    body: poem::Body,
) -> Response {
    answer(submit(front, &token, &asking, origin, request, body).await)
}

#[handler]
async fn show_photo(
    Data(front): Data<&Arc<Front>>,
    Path((token, id, variant)): Path<(String, Uuid, String)>,
) -> Response {
    answer(picture(front, &token, id, &variant).await)
}

async fn picture(front: &Front, token: &str, id: Uuid, variant: &str) -> Result<Response, ApiError> {
    let Some((opened, sheet)) = open(front, token).await? else { return Err(ApiError::not_found()) };
    if opened.expires_at <= opened.now {
        return Err(ApiError::not_found());
    }
    let staff = (!sheet.to_customer).then_some(opened.reader.id);
    if sheet.case.dispute_photos()?.iter().any(|photo| photo.id == id) {
        return media::of_dispute(front, &sheet.case, id, variant, staff).await;
    }
    media::on_page(front, sheet.booking.id, id, variant, staff).await
}

/// Who opens the page, and its case; `None` when the token leads nowhere, or its reader may not see the case any more.
async fn open(front: &Front, token: &str) -> Result<Option<(Opened, Sheet)>, ApiError> {
    let Some(opened) = link::find(&front.db, token, DAMAGE).await? else { return Ok(None) };
    let Some(case) = damage_case::Entity::find_by_id(opened.subject_id).one(&front.db).await? else { return Ok(None) };
    let reader = &opened.reader;
    let to_customer = case.customer_id == reader.id;
    let decides = !reader.is_suspended() && reader.role.0.decides(reader.branch_id == Some(case.branch_id));
    if !to_customer && !decides {
        return Ok(None);
    }
    let booking = booking::Entity::find_by_id(case.booking_id).one(&front.db).await?;
    let car = car::Entity::find_by_id(case.car_id).one(&front.db).await?;
    let (Some(booking), Some(car)) = (booking, car) else { return Ok(None) };
    let photos = photo::Entity::counting(&front.db, booking.id).await?;
    let copies = copies(&front.db, &photos).await?;
    Ok(Some((opened, Sheet { case, booking, car, photos, copies, to_customer })))
}

async fn visit(front: &Front, token: &str, pressed: &Pressed) -> Result<Response, ApiError> {
    let Some((opened, sheet)) = open(front, token).await? else { return Ok(nowhere()) };
    match pressed.find(front, &PRESSED, sheet.case.id, opened.reader.id).await? {
        Some((job, ending)) => told(front, token, ending, &refilled(&job, &sheet)?).await,
        None => page(front, token, &opened, &sheet, StatusCode::OK, None, &Form::default()),
    }
}

fn page(
    front: &Front,
    token: &str,
    opened: &Opened,
    sheet: &Sheet,
    status: StatusCode,
    refused: Option<String>,
    filled: &Form,
) -> Result<Response, ApiError> {
    let mut face = Face::of(sheet, opened, Showing { token, csrf: opened.csrf(front), refused, filled })?;
    if opened.expires_at <= opened.now {
        return Ok(over(&mut face, sheet));
    }
    let title = format!("{} {}", face.plate, face.car);
    Ok(Page::Damage.show(status, Frame { title: &title, aside: "A damage case" }, &face))
}

/// How the case stands, for whoever comes when the link has ended.
fn over(face: &mut Face, sheet: &Sheet) -> Response {
    let heading = format!("{} {}", face.plate, face.car);
    let then =
        if sheet.to_customer { "reply to our mail and a person reads it" } else { "log in to see the whole case" };
    let sentence = format!("{} This link has ended; {then}.", face.sentence);
    let (tone, label) = (face.tone, face.label);
    let (note, unused, typed) = (face.settlement.take(), face.refused.take(), face.unused.take());
    Done { tone, label, heading, sentence, note, unused, typed, ..Done::default() }.show(StatusCode::GONE)
}

/// What was sent: a form without photos, or with them as far as it could be read. Nobody but the customer has any to send;
/// when they may not any more, the page that answers says so.
async fn receive(
    sheet: &Sheet,
    request: &Request,
    body: poem::Body,
) -> Result<(Form, Statement, Result<(), ApiError>), ApiError> {
    let with_photos = request.content_type().is_some_and(is_multipart);
    if !with_photos || !sheet.to_customer {
        return Ok((Form::read(body).await?, Statement::default(), Ok(())));
    }
    let incoming = Incoming::begin(request, &mut RequestBody::new(body), MOST_DISPUTE_PHOTOS as u64).await;
    let incoming = incoming.map_err(|error| ApiError::new(problem::BAD_REQUEST, error.to_string()))?;
    let (statement, read) = incoming.receive_so_far().await;
    Ok((Form::of(statement.texts().to_vec()), statement, read))
}

async fn submit(
    front: &Front,
    token: &str,
    asking: &Asking,
    origin: Origin,
    request: &Request,
    body: poem::Body,
) -> Result<Response, ApiError> {
    let Some((opened, sheet)) = open(front, token).await? else { return Ok(nowhere()) };
    let (filled, statement, read) = receive(&sheet, request, body).await?;
    let Some(filled) = opened.own(front, filled) else {
        let words = "The form did not come from this page, so nothing was done. Please press the button again.";
        let refused = Some(words.to_owned());
        return page(front, token, &opened, &sheet, StatusCode::FORBIDDEN, refused, &Form::default());
    };
    if !sheet.is_live(&opened) {
        let refused = in_vain(&opened, &sheet, &filled);
        return page(front, token, &opened, &sheet, StatusCode::CONFLICT, refused, &filled);
    }
    if let Err(error) = read {
        return page(front, token, &opened, &sheet, error.http_status(), Some(error.words()), &filled);
    }
    match ask(front, asking, origin, &opened, &sheet, &filled, &statement).await {
        Ok(ending) => told(front, token, ending, &filled).await,
        Err(wrong) => page(front, token, &opened, &sheet, StatusCode::UNPROCESSABLE_ENTITY, Some(wrong), &filled),
    }
}

/// What became of what was pressed; the page shows how the case stands by now.
async fn told(
    front: &Front,
    token: &str,
    ending: Result<Ending, ApiError>,
    filled: &Form,
) -> Result<Response, ApiError> {
    if let Ok(Ending::Pending(job)) = ending {
        return Ok(pending(&again(&format!("/damage/{token}"), job.id)));
    }
    let Some((opened, sheet)) = open(front, token).await? else { return Ok(nowhere()) };
    let (status, refused) = match ending {
        Ok(_) => (StatusCode::OK, None),
        Err(error) if sheet.is_live(&opened) => (error.http_status(), Some(error.words())),
        Err(_) => (StatusCode::CONFLICT, in_vain(&opened, &sheet, filled)),
    };
    page(front, token, &opened, &sheet, status, refused, filled)
}

/// Enqueues what was pressed, or says what is missing for it.
async fn ask(
    front: &Front,
    asking: &Asking,
    origin: Origin,
    opened: &Opened,
    sheet: &Sheet,
    filled: &Form,
    statement: &Statement,
) -> Result<Result<Ending, ApiError>, String> {
    let (case_id, reader) = (sheet.case.id, opened.reader.id);
    let words = filled.text("words").to_owned();
    let settlement = match (filled.press(), sheet.to_customer) {
        ("accept", true) => {
            let accept = AcceptDamage { case_id, customer_id: reader, via_link: true };
            return Ok(write(front, asking, &accept, reader).await);
        }
        ("dispute", true) => {
            written(&words, &DISPUTE).map_err(|_| {
                let (least, most) = (DISPUTE.start(), DISPUTE.end());
                format!("Please say why you see it differently, in {least} to {most} letters.")
            })?;
            let Origin { ip, user_agent } = origin;
            let photos = match statement.check() {
                Ok(()) => statement.store(&front.bucket, case_id, asking.key.as_deref()).await,
                Err(refused) => Err(refused),
            };
            let dispute = match photos {
                Ok(photos) => {
                    DisputeDamage { case_id, customer_id: reader, words, photos, ip, user_agent, via_link: true }
                }
                Err(error) => return Ok(Err(error)),
            };
            return Ok(write(front, &asking.patient(WITH_PHOTOS), &dispute, reader).await);
        }
        (press, false) => ANSWERS.into_iter().find(|(button, _)| *button == press).map(|(_, settlement)| settlement),
        _ => None,
    };
    let settlement = settlement.ok_or("Please use one of the buttons.")?;
    written(&words, &REASON).map_err(|_| {
        let (least, most) = (REASON.start(), REASON.end());
        format!("Please say why, in {least} to {most} letters; the customer reads it.")
    })?;
    let currency = Currency::new(&sheet.case.currency).map_err(|error| error.to_string())?;
    // Whatever was pressed: who typed an amount did not mean to uphold the whole of it.
    let amount = amount(filled.text("amount"), currency)?.map(|money| money.amount);
    let settle = SettleDamage { case_id, settled_by: reader, settlement, amount, reason: words, via_link: true };
    Ok(write(front, asking, &settle, reader).await)
}
