//! `/damage/{token}`: the customer agrees or disputes, staff answer a dispute. GET only shows.

use std::sync::Arc;

use entity::{booking, car, damage_case, photo};
use jobs::damage::{AcceptDamage, DisputeDamage, SettleDamage};
use platform::link::DAMAGE;
use poem::{
    Endpoint, EndpointExt, Request, RequestBody, Response, Route, get, handler,
    http::StatusCode,
    web::{Data, Path},
};
use rules::{
    damage::{MOST_DISPUTE_PHOTOS, Settlement},
    money::Currency,
    problem,
};
use sea_orm::EntityTrait;
use uuid::Uuid;

use super::face::{Face, Sheet, Showing};
use crate::{
    accept::{Asking, Ending},
    auth::Origin,
    error::ApiError,
    form::Form,
    front::Front,
    link::{self, Opened},
    media,
    offer::{answer, nowhere, pending, write},
    page::{Done, Frame, Page},
    picture::copies,
    review::amount,
    shape::is_multipart,
    upload::{Incoming, Statement},
    words::{DISPUTE, REASON, written},
};

/// The addresses behind the link in a mail.
pub(crate) fn routes() -> impl Endpoint {
    Route::new().at("/:token", get(show).post(send)).at("/:token/photo/:id/:variant", get(show_photo)).map_to_response()
}

#[handler]
async fn show(Data(front): Data<&Arc<Front>>, Path(token): Path<String>) -> Response {
    answer(visit(front, &token, StatusCode::OK).await)
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
) -> Result<Response, ApiError> {
    let Some((opened, sheet)) = open(front, &token).await? else { return Err(ApiError::not_found()) };
    if opened.expires_at <= opened.now {
        return Err(ApiError::not_found());
    }
    let staff = (!sheet.to_customer).then_some(opened.reader.id);
    if sheet.case.dispute_photos().iter().any(|photo| photo.id == id) {
        return media::of_dispute(front, &sheet.case, id, &variant, staff).await;
    }
    media::on_page(front, sheet.booking.id, id, &variant, staff).await
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

async fn visit(front: &Front, token: &str, status: StatusCode) -> Result<Response, ApiError> {
    let Some((opened, sheet)) = open(front, token).await? else { return Ok(nowhere()) };
    page(front, token, &opened, &sheet, status, None, String::new())
}

fn page(
    front: &Front,
    token: &str,
    opened: &Opened,
    sheet: &Sheet,
    status: StatusCode,
    refused: Option<String>,
    words: String,
) -> Result<Response, ApiError> {
    let face = Face::of(sheet, opened, Showing { token, csrf: opened.csrf(front), refused, words })?;
    if opened.expires_at <= opened.now {
        return Ok(over(face));
    }
    let title = format!("{} {}", face.plate, face.car);
    Ok(Page::Damage.show(status, Frame { title: &title, aside: "A damage case" }, &face))
}

/// How the case stands, for whoever comes when the link has ended.
fn over(face: Face) -> Response {
    let heading = format!("{} {}", face.plate, face.car);
    let sentence = format!("{} This link has ended; reply to our mail and a person reads it.", face.sentence);
    let (tone, label, note) = (face.tone, face.label, face.settlement);
    Done { tone, label, heading, sentence, note, ..Done::default() }.show(StatusCode::GONE)
}

/// What was sent: a form without photos, or with them. Nobody but the customer has any to send; when they may not any
/// more, the page that answers says so.
async fn receive(sheet: &Sheet, request: &Request, body: poem::Body) -> Result<(Form, Statement), ApiError> {
    let with_photos = request.content_type().is_some_and(is_multipart);
    if !with_photos || !sheet.to_customer {
        return Ok((Form::read(body).await?, Statement::default()));
    }
    let incoming = Incoming::open(request, &mut RequestBody::new(body), MOST_DISPUTE_PHOTOS as u64).await;
    let unread = |error: poem::Error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(problem::BODY_TOO_LARGE, error.to_string()),
        _ => ApiError::new(problem::BAD_REQUEST, error.to_string()),
    };
    let statement = incoming.map_err(unread)?.receive_statement().await?;
    Ok((Form::of(statement.texts()), statement))
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
    let (filled, statement) = receive(&sheet, request, body).await?;
    let Some(filled) = opened.own(front, filled) else {
        let words = "The form did not come from this page, so nothing was done. Please press the button again.";
        return page(front, token, &opened, &sheet, StatusCode::FORBIDDEN, Some(words.to_owned()), String::new());
    };
    if !sheet.is_live(&opened) {
        return visit(front, token, StatusCode::CONFLICT).await;
    }
    let ending = match ask(front, asking, origin, &opened, &sheet, &filled, &statement).await {
        Ok(ending) => ending,
        Err(wrong) => {
            let (status, words) = (StatusCode::UNPROCESSABLE_ENTITY, filled.text("words").to_owned());
            return page(front, token, &opened, &sheet, status, Some(wrong), words);
        }
    };
    match ending {
        Ok(Ending::Done(_)) => visit(front, token, StatusCode::OK).await,
        Ok(Ending::Pending(_)) => Ok(pending(&format!("/damage/{token}"))),
        // Too late, or a colleague was faster: the page says how it stands.
        Err(error) if error.problem.status == 409 => visit(front, token, StatusCode::CONFLICT).await,
        Err(error) => {
            let status = error.http_status();
            let reasons = error.errors.iter().map(|reason| reason.message.trim_end_matches('.'));
            let reasons: String = reasons.map(|reason| format!(" {reason}.")).collect();
            let refused = Some(format!("{}{reasons}", error.detail));
            page(front, token, &opened, &sheet, status, refused, filled.text("words").to_owned())
        }
    }
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
            return Ok(write(front, asking, &dispute, reader).await);
        }
        ("uphold", false) => Settlement::Upheld,
        ("reduce", false) => Settlement::Reduced,
        ("waive", false) => Settlement::Waived,
        _ => return Err("Please use one of the buttons.".to_owned()),
    };
    written(&words, &REASON).map_err(|_| {
        let (least, most) = (REASON.start(), REASON.end());
        format!("Please say why, in {least} to {most} letters; the customer reads it.")
    })?;
    let less = match settlement {
        Settlement::Reduced => {
            let currency = Currency::new(&sheet.case.currency).map_err(|error| error.to_string())?;
            amount(filled.text("amount"), currency)?.map(|money| money.amount)
        }
        _ => None,
    };
    let settle = SettleDamage { case_id, settled_by: reader, settlement, amount: less, reason: words, via_link: true };
    Ok(write(front, asking, &settle, reader).await)
}
