//! What is answered to somebody who gives a car back: where the photos go, or the finished return.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use platform::bucket::PRESIGNED_FOR;
use poem_openapi::{
    Object, Union,
    types::{ParseFromJSON, ToJSON},
};
use rules::{problem, rental::Slot};
use serde_json::Value;
use uuid::Uuid;
use view::{
    Word,
    rental::{OpenedReturn, Return},
};

use crate::{
    accept::{Asking, Ending, Written},
    error::ApiError,
    front::Front,
};

/// An open return: PUT a photo to each address, then complete the return.
#[derive(Debug, Object)]
#[oai(rename = "OpenedReturn", rename_all = "camelCase")]
pub(crate) struct Opened {
    return_id: Uuid,
    uploads: Vec<Target>,
}

/// Where the photo of one side goes.
#[derive(Debug, Object)]
#[oai(rename = "UploadTarget", rename_all = "camelCase")]
pub(crate) struct Target {
    slot: Word<Slot>,
    url: String,
    /// Always `PUT`.
    method: String,
    /// Headers that must be sent besides those that any client sends; usually none.
    headers: HashMap<String, String>,
    expires_at: DateTime<Utc>,
}

/// A return that was opened and completed in one go.
#[derive(Debug, Object)]
#[oai(rename = "CompletedReturn", rename_all = "camelCase")]
pub(crate) struct Completed {
    /// The same as `id`.
    return_id: Uuid,
    #[oai(flatten)]
    rental_return: Return,
}

/// The JSON `{}` is answered with the first, a form with photos with the second.
#[derive(Debug, Union)]
#[expect(clippy::large_enum_variant, reason = "made once per answer and never stored")]
pub(crate) enum ReturnAnswer {
    Opened(Opened),
    Completed(Completed),
}

/// The refusal of a request without a key, before its photos are taken in.
pub(super) fn key_required() -> ApiError {
    ApiError::new(
        problem::IDEMPOTENCY_KEY_REQUIRED,
        "Send a header Idempotency-Key with a value of your own (a UUID, say), and repeat it when you repeat the request.",
    )
}

/// Adds addresses to the places that the worker chose.
pub(super) async fn opened(front: &Front, ending: Ending, asking: &Asking) -> Result<Written<ReturnAnswer>, ApiError> {
    let document = match ending {
        Ending::Done(document) => document,
        pending @ Ending::Pending(_) => return pending.created(asking, "/api/v1/returns"),
    };
    let opened: OpenedReturn = serde_json::from_value(document).map_err(ApiError::internal)?;
    let expires_at = Utc::now() + PRESIGNED_FOR;
    let mut uploads = Vec::new();
    for upload in opened.uploads {
        let signed = front.bucket.presigned_put(&upload.object_key).await?;
        uploads.push(Target {
            slot: upload.slot.into(),
            url: signed.url,
            method: signed.method,
            headers: signed.headers.into_iter().collect(),
            expires_at,
        });
    }
    let location = format!("/api/v1/returns/{}", opened.return_id);
    let document = Opened { return_id: opened.return_id, uploads };
    Ending::Done(document.to_json().unwrap_or_default()).created_at(asking, location)
}

/// The return that was completed at once.
pub(super) fn completed(document: Value, asking: &Asking) -> Result<Written<ReturnAnswer>, ApiError> {
    let rental_return =
        Return::parse_from_json(Some(document)).map_err(|error| ApiError::internal(error.into_message()))?;
    let mut document = rental_return.to_json().unwrap_or_default();
    document["returnId"] = document["id"].clone();
    Ending::Done(document).created(asking, "/api/v1/returns")
}
