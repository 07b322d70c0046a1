//! `/review/{token}`: a return is decided by whoever got the mail. GET only shows.

mod amount;
mod done;
mod face;
mod form;
mod link;
#[cfg(test)]
mod sample;
mod sheet;

use std::sync::Arc;

use entity::damage_matrix;
use jobs::{Job, rental::DecideReturn};
use poem::{
    Endpoint, Response, Route, get, handler,
    http::StatusCode,
    web::{Data, Path},
};
use rules::money::Currency;
use sea_orm::EntityTrait;
use serde_json::json;
use uuid::Uuid;

use crate::{
    accept::{Asking, Ending, Key, job_for},
    error::ApiError,
    form::Form,
    front::Front,
    link::key,
    media,
    offer::{answer, behind_link, nowhere},
    page::{Frame, Page, words},
    pressed::{self, Pressed},
};
pub(crate) use amount::{amount, decimal};
use face::{Refused, Showing, face};
use link::{Link, Opened};
use sheet::Sheet;

/// The addresses behind the link in a mail.
pub(crate) fn routes() -> impl Endpoint {
    behind_link(Route::new().at("/:token", get(show).post(send)).at("/:token/photo/:id/:variant", get(show_photo)))
}

/// What can be pressed here.
const PRESSED: pressed::Page = pressed::Page { kinds: &[DecideReturn::KIND], subject: "return_id" };

#[handler]
async fn show(Data(front): Data<&Arc<Front>>, Path(token): Path<String>, pressed: Pressed) -> Response {
    answer(visit(front, &token, &pressed).await)
}

#[handler]
async fn send(Data(front): Data<&Arc<Front>>, Path(token): Path<String>, asking: Asking, body: poem::Body) -> Response {
    answer(submit(front, &token, &asking, body).await)
}

#[handler]
async fn show_photo(
    Data(front): Data<&Arc<Front>>,
    Path((token, id, variant)): Path<(String, Uuid, String)>,
) -> Response {
    answer(picture(front, &token, id, &variant).await)
}

async fn visit(front: &Front, token: &str, pressed: &Pressed) -> Result<Response, ApiError> {
    match link::find(&front.db, token).await? {
        Link::Live(opened) => match pressed.find(front, &PRESSED, opened.rental_return.id, opened.reader.id).await? {
            Some((job, ending)) => {
                let decide = serde_json::from_value(job.payload).map_err(ApiError::internal)?;
                let form = Form::of_decision(&decide, currency(front, &opened).await?);
                told(front, token, &decide, &form, ending).await
            }
            None => review(front, token, *opened, StatusCode::OK, None, None).await,
        },
        dead => dead_end(front, dead, None).await,
    }
}

/// What a link shows that no decision can be made with, also not the one that was `sent`.
async fn dead_end(front: &Front, link: Link, sent: Option<&Form>) -> Result<Response, ApiError> {
    match link {
        Link::Decided(rental_return) => done::decided(front, &rental_return, StatusCode::GONE, sent).await,
        Link::Dead(why) => Ok(words(StatusCode::GONE, "This link does not work any more", why)),
        Link::Live(_) | Link::Unknown => Ok(nowhere()),
    }
}

async fn review(
    front: &Front,
    token: &str,
    opened: Opened,
    status: StatusCode,
    refused: Option<Refused>,
    filled: Option<&Form>,
) -> Result<Response, ApiError> {
    let csrf = opened.csrf(&key(front));
    let sheet = Sheet::load(&front.db, opened.rental_return, opened.now).await?;
    let showing = Showing { token, csrf, reader: opened.reader.name, refused, filled };
    let face = face(&sheet, showing)?;
    let title = format!("{} {}", face.plate, face.car);
    let aside = format!("Return of {}", sheet.booking.number);
    Ok(Page::Review.show(status, Frame { title: &title, aside: &aside }, &face))
}

async fn submit(front: &Front, token: &str, asking: &Asking, body: poem::Body) -> Result<Response, ApiError> {
    let opened = match link::find(&front.db, token).await? {
        Link::Live(opened) => *opened,
        dead => return dead_end(front, dead, Some(&Form::read(body).await?)).await,
    };
    let form = Form::read(body).await?;
    if !opened.is_csrf(&key(front), form.text("csrf")) {
        let words = "The form did not come from this page. Please press the button again.";
        let refused = Refused::new("Nothing was decided", words, Vec::new());
        return review(front, token, opened, StatusCode::FORBIDDEN, Some(refused), Some(&form)).await;
    }
    let currency = currency(front, &opened).await?;
    if form.text("press") == "estimate" {
        let form = estimated(front, &opened, currency, &form).await?;
        return review(front, token, opened, StatusCode::OK, None, Some(&form)).await;
    }
    let decide = match form.decision(&opened.report()?.findings, currency) {
        Ok(decide) => decide.job(&opened.rental_return, currency, opened.reader.id, true)?,
        Err(errors) => {
            let refused = Refused::new("Nothing was decided yet", "Please complete the form below.", errors);
            return review(front, token, opened, StatusCode::UNPROCESSABLE_ENTITY, Some(refused), Some(&form)).await;
        }
    };
    let job = job_for(asking, Key::Optional, Some(opened.reader.id), &decide, &json!(decide))?;
    let ending = front.write(asking, job).await;
    told(front, token, &decide, &form, ending).await
}

/// What became of a decision.
async fn told(
    front: &Front,
    token: &str,
    decide: &DecideReturn,
    form: &Form,
    ending: Result<Ending, ApiError>,
) -> Result<Response, ApiError> {
    let error = match ending {
        Ok(Ending::Done(_)) => return done::by_form(front, decide).await,
        Ok(Ending::Pending(job)) => return Ok(done::pending(token, job.id)),
        Err(error) => error,
    };
    match link::find(&front.db, token).await? {
        Link::Live(opened) => {
            let errors = error.errors.iter().map(|reason| reason.message.clone()).collect();
            let refused = Refused::new(error.problem.title, &error.detail, errors);
            review(front, token, *opened, error.http_status(), Some(refused), Some(form)).await
        }
        // Somebody else was faster: whose decision stands is said by the page that all links lead to now.
        dead => dead_end(front, dead, Some(form)).await,
    }
}

async fn currency(front: &Front, opened: &Opened) -> Result<Currency, ApiError> {
    let booking = entity::booking::Entity::find_by_id(opened.rental_return.booking_id).one(&front.db).await?;
    Currency::new(&booking.ok_or_else(ApiError::not_found)?.currency).map_err(ApiError::internal)
}

/// The form with the amounts of the matrix that the report's estimates are from.
async fn estimated(front: &Front, opened: &Opened, currency: Currency, form: &Form) -> Result<Form, ApiError> {
    let report = opened.report()?;
    let matrix = match report.matrix_version {
        Some(version) => damage_matrix::Entity::find_by_id(version).one(&front.db).await?,
        None => None,
    };
    let matrix = matrix.map(damage_matrix::Model::matrix).transpose()?.filter(|matrix| matrix.currency == currency);
    Ok(matrix.map_or_else(|| form.clone(), |matrix| form.estimated(&report.findings, &matrix)))
}

async fn picture(front: &Front, token: &str, id: Uuid, variant: &str) -> Result<Response, ApiError> {
    let Link::Live(opened) = link::find(&front.db, token).await? else { return Err(ApiError::not_found()) };
    media::on_page(front, opened.rental_return.booking_id, id, variant, Some(opened.reader.id)).await
}
