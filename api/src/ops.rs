//! `/ops`: the queues, for admins, as plain HTML.

mod board;
mod visit;

use std::sync::Arc;

use poem::{
    Endpoint, EndpointExt, IntoResponse, Request, Response, Route, get, handler,
    http::{StatusCode, header},
    post,
    web::{Data, Path},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    account::{authenticate, open_session},
    auth::Origin,
    error::ApiError,
    form::Form,
    front::Front,
    job::{Action, handle_dead},
    page::{Frame, Page},
};
use visit::Visit;

/// The page and what its buttons do.
pub(crate) fn routes() -> impl Endpoint {
    Route::new()
        .at("/", get(show))
        .at("/login", get(begin_anew).post(log_in))
        .at("/logout", get(begin_anew).post(log_out))
        .at("/jobs/:id/:act", post(act))
        .map_to_response()
}

#[handler]
async fn show(Data(front): Data<&Arc<Front>>, request: &Request) -> Response {
    match Visit::of(front, request).await {
        Ok(Some(visit)) => visit.remember(answer(board::show(front, &visit, said(request)).await), front),
        Ok(None) => login_page(StatusCode::OK, None, ""),
        Err(error) => answer(Err(error)),
    }
}

/// What the last button did, as the redirect after it says.
fn said(request: &Request) -> Option<&'static str> {
    match request.uri().query() {
        Some("did=replay") => Some("The job has a new life: it is ready to run again."),
        Some("did=discard") => Some("The job was discarded. It stays on record."),
        Some("did=gone") => Some("That job was not dead any more; nothing was done."),
        _ => None,
    }
}

/// The address of a form that was sent, opened again.
#[handler]
fn begin_anew() -> Response {
    to_board("/ops")
}

#[handler]
async fn log_in(Data(front): Data<&Arc<Front>>, request: &Request, origin: Origin, body: poem::Body) -> Response {
    let form = match Form::read(body).await {
        Ok(form) => form,
        Err(error) => return login_page(error.http_status(), Some(error.problem.title), ""),
    };
    if is_foreign(request) {
        return login_page(StatusCode::FORBIDDEN, Some("Please log in on this page."), "");
    }
    let email = form.text("email");
    match begin(front, email, form.exact("password").to_owned(), &origin).await {
        Ok(visit) => visit.remember(to_board("/ops"), front),
        Err(error) => {
            let words = format!("{}. {}", error.problem.title, error.detail);
            login_page(error.http_status(), Some(&words), email)
        }
    }
}

async fn begin(front: &Front, email: &str, password: String, origin: &Origin) -> Result<Visit, ApiError> {
    let (account_id, role) = authenticate(front, email, password).await?;
    visit::may(role)?;
    let session_id = open_session(&front.db, front, account_id, origin).await?;
    Ok(Visit { account_id, session_id })
}

#[handler]
async fn log_out(Data(front): Data<&Arc<Front>>, request: &Request, body: poem::Body) -> Response {
    match entitled(front, request, body).await {
        Ok(visit) => match visit.end(front).await {
            Ok(()) => Visit::forget(to_board("/ops"), front),
            Err(error) => answer(Err(error)),
        },
        Err(refused) => refused,
    }
}

#[handler]
async fn act(
    Data(front): Data<&Arc<Front>>,
    request: &Request,
    Path((id, act)): Path<(Uuid, String)>,
    body: poem::Body,
) -> Response {
    let visit = match entitled(front, request, body).await {
        Ok(visit) => visit,
        Err(refused) => return refused,
    };
    let Some(action) = Action::find(&act) else { return answer(Err(ApiError::not_found())) };
    match handle_dead(front, visit.account_id, id, action).await {
        Ok(()) => to_board(&format!("/ops?did={act}")),
        Err(error) if matches!(error.problem.status, 404 | 409) => to_board("/ops?did=gone"),
        Err(error) => answer(Err(error)),
    }
}

/// Who presses a button, if the button is one of ours.
async fn entitled(front: &Front, request: &Request, body: poem::Body) -> Result<Visit, Response> {
    let visit = Visit::of(front, request).await.map_err(|error| answer(Err(error)))?;
    let Some(visit) = visit else {
        return Err(login_page(StatusCode::FORBIDDEN, Some("Please log in again; nothing was done."), ""));
    };
    let form = Form::read(body).await.map_err(|error| answer(Err(error)))?;
    if is_foreign(request) || !visit.is_csrf(front, form.text("csrf")) {
        return Err(login_page(StatusCode::FORBIDDEN, Some("Nothing was done: the button was not on our page."), ""));
    }
    Ok(visit)
}

/// A browser says when another site sends a form here.
fn is_foreign(request: &Request) -> bool {
    let site = request.headers().get("sec-fetch-site").and_then(|site| site.to_str().ok());
    site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

fn to_board(address: &str) -> Response {
    StatusCode::SEE_OTHER
        .with_header(header::LOCATION, address)
        .with_header(header::CACHE_CONTROL, "no-store")
        .into_response()
}

fn login_page(status: StatusCode, refused: Option<&str>, email: &str) -> Response {
    Page::OpsLogin.show(status, Frame { title: "Queues", aside: "" }, &json!({ "refused": refused, "email": email }))
}

fn answer(shown: Result<Response, ApiError>) -> Response {
    shown.unwrap_or_else(|error| {
        let content = json!({ "heading": error.problem.title, "sentence": error.detail });
        Page::LinkDead.show(error.http_status(), Frame { title: error.problem.title, aside: "" }, &content)
    })
}
