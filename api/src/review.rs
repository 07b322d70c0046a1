//! `/review/{token}`: a return is decided by whoever got the mail. GET only shows.

mod done;
mod face;
mod form;
mod link;
#[cfg(test)]
mod sample;
mod sheet;

use std::sync::Arc;

use entity::damage_matrix;
use poem::{
    Endpoint, EndpointExt, Response, Route, get, handler,
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
    offer::{answer, nowhere},
    page::{Frame, Page, words},
};
use face::{Refused, Showing, face};
pub(crate) use form::amount;
use link::{Link, Opened};
use sheet::Sheet;

/// The addresses behind the link in a mail.
pub(crate) fn routes() -> impl Endpoint {
    Route::new().at("/:token", get(show).post(send)).at("/:token/photo/:id/:variant", get(show_photo)).map_to_response()
}

#[handler]
async fn show(Data(front): Data<&Arc<Front>>, Path(token): Path<String>) -> Response {
    answer(visit(front, &token).await)
}

#[handler]
async fn send(Data(front): Data<&Arc<Front>>, Path(token): Path<String>, asking: Asking, body: poem::Body) -> Response {
    answer(submit(front, &token, &asking, body).await)
}

#[handler]
async fn show_photo(
    Data(front): Data<&Arc<Front>>,
    Path((token, id, variant)): Path<(String, Uuid, String)>,
) -> Result<Response, ApiError> {
    picture(front, &token, id, &variant).await
}

async fn visit(front: &Front, token: &str) -> Result<Response, ApiError> {
    match link::find(&front.db, token).await? {
        Link::Live(opened) => review(front, token, *opened, StatusCode::OK, None, None).await,
        dead => dead_end(front, dead).await,
    }
}

/// What a link shows that no decision can be made with.
async fn dead_end(front: &Front, link: Link) -> Result<Response, ApiError> {
    match link {
        Link::Decided(rental_return) => done::decided(front, &rental_return, StatusCode::GONE).await,
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
        dead => return dead_end(front, dead).await,
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
    match front.write(asking, job).await {
        Ok(Ending::Done(_)) => done::by_form(front, &decide).await,
        Ok(Ending::Pending(_)) => Ok(done::pending(token)),
        // Somebody else was faster: whose decision stands is said by the page that all links lead to now.
        Err(_) if is_decided(front, decide.return_id).await? => visit(front, token).await,
        Err(error) => {
            let errors = error.errors.iter().map(|reason| reason.message.clone()).collect();
            let refused = Refused::new(error.problem.title, &error.detail, errors);
            let status = error.http_status();
            review(front, token, opened, status, Some(refused), Some(&form)).await
        }
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

async fn is_decided(front: &Front, id: Uuid) -> Result<bool, ApiError> {
    let found = entity::rental_return::Entity::find_by_id(id).one(&front.db).await?;
    Ok(found.is_some_and(|found| found.state.0 == rules::rental::ReturnState::Decided))
}

async fn picture(front: &Front, token: &str, id: Uuid, variant: &str) -> Result<Response, ApiError> {
    let Link::Live(opened) = link::find(&front.db, token).await? else { return Err(ApiError::not_found()) };
    media::on_page(front, opened.rental_return.booking_id, id, variant, Some(opened.reader.id)).await
}
