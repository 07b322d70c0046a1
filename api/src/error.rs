//! The one error of the front: always RFC 9457 problem+json, in words fit for a customer.
//!
//! A refusal decided by a worker and one decided here look the same, because both
//! take status and title from [`rules::problem`]. Causes are logged once, at this border.

mod document;
mod quota;

use std::borrow::Cow;

use jobs::{Refusal, ledger::AcceptError, outcome::Reason};
use platform::database::answer;
use poem::{
    Body, Request, Response,
    error::{
        CorsError, MethodNotAllowedError, NotFoundError, ParseJsonError, ParsePathError, ParseQueryError, ResponseError,
    },
    http::{StatusCode, header},
};
use poem_openapi::error::{AuthorizationError, ContentTypeError, ParseMultipartError, ParseParamError};
pub use quota::Quota;
use rules::problem::{self, Problem};
use sea_orm::DbErr;
use serde_json::{Map, Value, json};

use crate::{address, trace::RequestId};

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", .problem.code)]
pub struct ApiError {
    pub problem: Problem,
    pub detail: String,
    pub errors: Vec<Reason>,
    pub extra: Map<String, Value>,
    /// What was used up, where the refusal is that.
    pub quota: Option<Box<Quota>>,
}

impl ApiError {
    pub fn new(problem: Problem, detail: impl Into<String>) -> Self {
        Self { problem, detail: detail.into(), errors: Vec::new(), extra: Map::new(), quota: None }
    }

    pub fn not_found() -> Self {
        Self::new(problem::NOT_FOUND, "There is nothing here, or it is not yours to see.")
    }

    /// What was sent is not acceptable, for all these reasons.
    pub fn invalid(errors: Vec<Reason>) -> Self {
        Self { errors, ..Self::new(problem::VALIDATION_FAILED, "Please mend what is listed and send it again.") }
    }

    /// Something of ours failed; the cause goes to the log, not to the client.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(problem::INTERNAL, "The request was not carried out. Its id helps us to find out why.")
    }

    pub(crate) fn http_status(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The whole problem document.
    pub fn response(&self, instance: &str, request_id: &str) -> Response {
        let mut body = self.extra.clone();
        let members = json!({
            "type": format!("/problems#{}", self.problem.code),
            "title": self.problem.title,
            "status": self.problem.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.problem.code,
            "requestId": request_id,
        });
        if let Value::Object(members) = members {
            body.extend(members);
        }
        if !self.errors.is_empty() {
            body.insert("errors".to_owned(), json!(self.errors));
        }
        let status = self.http_status();
        let mut response = Response::builder().status(status).content_type("application/problem+json");
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response = response.header(header::RETRY_AFTER, "2");
        }
        if let Some(quota) = &self.quota {
            response = quota.tell(response);
        }
        if status == StatusCode::UNAUTHORIZED {
            response = response.header(header::WWW_AUTHENTICATE, "Bearer realm=\"forecourt\"");
        }
        response.body(Body::from_string(Value::Object(body).to_string()))
    }

    /// What poem or poem-openapi could not do, as a problem.
    fn from_poem(error: &poem::Error) -> Self {
        let words = error.to_string();
        let pointed = |pointer: String, message: String| Self::invalid(vec![Reason { pointer, message }]);
        if let Some(error) = error.downcast_ref::<ParseParamError>() {
            return pointed(format!("/{}", error.name), error.reason.clone());
        }
        if error.is::<NotFoundError>() {
            return Self::new(problem::NOT_FOUND, "This address leads nowhere. See /docs for those that do.");
        }
        if error.is::<MethodNotAllowedError>() {
            return Self::new(problem::METHOD_NOT_ALLOWED, "See /docs for the methods of this address.");
        }
        if error.is::<ContentTypeError>() {
            return Self::new(problem::UNSUPPORTED_MEDIA_TYPE, words);
        }
        if error.is::<AuthorizationError>() {
            return Self::new(problem::UNAUTHENTICATED, "Send an access token: Authorization: Bearer …");
        }
        if error.is::<ParsePathError>() || error.is::<poem_openapi::error::ParsePathError>() {
            return Self::not_found();
        }
        let unreadable = error.is::<ParseQueryError>()
            || error.is::<ParseJsonError>()
            || error.is::<ParseMultipartError>()
            || error.is::<CorsError>();
        if unreadable {
            return Self::new(problem::BAD_REQUEST, words);
        }
        match error.status().as_u16() {
            413 => Self::new(problem::BODY_TOO_LARGE, "Send less at a time."),
            415 => Self::new(problem::UNSUPPORTED_MEDIA_TYPE, words),
            404 => Self::not_found(),
            405 => Self::new(problem::METHOD_NOT_ALLOWED, "See /docs for the methods of this address."),
            400..=499 => Self::new(problem::BAD_REQUEST, words),
            _ => Self::internal(words),
        }
    }
}

impl ResponseError for ApiError {
    fn status(&self) -> StatusCode {
        self.http_status()
    }

    fn as_response(&self) -> Response {
        self.response("", "")
    }
}

/// The code of a data exception (class 22): every statement here is fixed, so a value that came with the request is one that
/// PostgreSQL cannot keep. It knows no U+0000, for one, and no year 200,000.
fn unstorable(error: &DbErr) -> Option<String> {
    answer(error)?.code().filter(|code| code.starts_with("22")).map(Cow::into_owned)
}

impl From<DbErr> for ApiError {
    fn from(error: DbErr) -> Self {
        if let Some(code) = unstorable(&error) {
            tracing::info!(%error, "a value cannot be stored");
            let words = match code.as_str() {
                // In a text, and in JSON.
                "22021" | "22P05" => "A text holds the character U+0000. Send it again without.",
                "22008" => "A time is too far away.",
                _ => "A value is of a kind that cannot be stored, or too large.",
            };
            return Self::new(problem::BAD_REQUEST, words);
        }
        match answer(&error) {
            Some(_) => tracing::warn!(%error, "the database refused"),
            None => tracing::warn!(%error, "the database did not answer"),
        }
        match error {
            DbErr::Conn(_) | DbErr::ConnectionAcquire(_) | DbErr::Exec(_) | DbErr::Query(_) => {
                Self::new(problem::SERVICE_UNAVAILABLE, "Please try again in a moment.")
            }
            error => Self::internal(error),
        }
    }
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Reused => Self::new(
                problem::IDEMPOTENCY_KEY_REUSED,
                "This Idempotency-Key stands for an earlier, different request. Use a new key for a new request.",
            ),
            AcceptError::Database(error) => error.into(),
        }
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        tracing::warn!(error = format!("{error:#}"), "a server behind the front did not answer");
        Self::new(problem::SERVICE_UNAVAILABLE, "Please try again in a moment.")
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let problem = problem::find(&refusal.code).copied().unwrap_or(problem::CONFLICT);
        Self { problem, detail: refusal.detail, errors: refusal.errors, extra: refusal.extra, quota: None }
    }
}

/// Turns every error that leaves the front into a problem document.
pub(crate) fn to_problem(error: &poem::Error, request_id: &RequestId, instance: &str) -> Response {
    let mut response = match error.downcast_ref::<ApiError>() {
        Some(error) => error.response(instance, &request_id.0),
        None => ApiError::from_poem(error).response(instance, &request_id.0),
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Some(Ok(methods)) = address::allowed(instance).map(|methods| methods.parse())
    {
        response.headers_mut().insert(header::ALLOW, methods);
    }
    response
}

/// The path that a problem happened at.
pub(crate) fn instance(request: &Request) -> String {
    request.original_uri().path().to_owned()
}
