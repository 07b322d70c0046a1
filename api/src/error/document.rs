//! How an error looks in the OpenAPI document.

use chrono::{DateTime, Utc};
use poem_openapi::{
    ApiResponse, Object,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use rules::rental::Slot;
use uuid::Uuid;
use view::{
    Money, Quote, Word,
    car::{Alternative, Conflict},
};

use super::ApiError;
use crate::waitlist::NewEntry;

/// An error (RFC 9457). Beside what all have, some codes bring members of their own.
#[derive(Debug, Object)]
#[oai(rename = "Problem", rename_all = "camelCase")]
struct ProblemDocument {
    /// Where this kind of problem is explained.
    r#type: String,
    /// The same words for every occurrence.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong this time, and how to mend it.
    detail: String,
    /// The path it happened at.
    instance: String,
    /// Stable; compare this.
    code: String,
    /// Also in the log.
    request_id: String,
    /// Every reason at once.
    errors: Option<Vec<ProblemReason>>,
    /// Of `car_taken`: what could be had instead.
    alternatives: Option<Vec<Alternative>>,
    /// Of `car_taken`: where to wait for the car …
    waitlist_url: Option<String>,
    /// … and the body to send there.
    waitlist: Option<NewEntry>,
    /// Of `bookable_now`: who wants to wait can book this car …
    car_id: Option<Uuid>,
    /// … from here …
    start_date: Option<DateTime<Utc>>,
    /// … to here …
    end_date: Option<DateTime<Utc>>,
    /// … for this.
    total_price: Option<Money>,
    /// Of `bookable_now`: that price, line by line.
    quote: Option<Quote>,
    /// Of `car_taken` and `car_has_bookings`: what a block would lie over.
    conflicts: Option<Vec<Conflict>>,
    /// Of `photos_missing`, `photos_refused` and `retake_advised`: the return that stays open.
    return_id: Option<Uuid>,
    /// Of `photos_missing`: the sides of which there is no photo.
    missing: Option<Vec<Word<Slot>>>,
    /// Of the same and of `photos_refused` and `retake_advised`: the photos that are not good enough.
    photos: Option<Vec<ProblemPhoto>>,
    /// Of `already_decided`: who was faster.
    decided_by: Option<String>,
    /// Of `already_decided`: when.
    decided_at: Option<DateTime<Utc>>,
}

/// One reason of a problem.
#[derive(Debug, Object)]
struct ProblemReason {
    /// JSON Pointer into the request body.
    pointer: String,
    message: String,
}

/// A photo that is not good enough.
#[derive(Debug, Object)]
struct ProblemPhoto {
    slot: Word<Slot>,
    /// Stable, such as `dark`.
    code: String,
    message: String,
}

/// What any operation may answer besides its success; the codes are those of the registry.
const ALWAYS: &[(u16, &str)] = &[
    (400, "The request could not be read."),
    (401, "No, or no valid, access token."),
    (403, "This account may not do that."),
    (404, "There is nothing here, or it is not yours to see."),
    (408, "The body took too long to arrive."),
    (409, "Not in the present state of things; `code` says which."),
    (413, "The body is too large."),
    (415, "This kind of content is not understood here."),
    (422, "Some of what was sent is not acceptable; `errors` lists all of it."),
    (429, "Too much of something within a time; `RateLimit-Policy` says of what, `Retry-After` for how long."),
    (500, "Something went wrong on our side."),
    (503, "Not available for a moment; see Retry-After."),
];

impl ApiResponse for ApiError {
    fn meta() -> MetaResponses {
        let document = |(status, description): &(u16, &'static str)| MetaResponse {
            description,
            status: Some(*status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: "application/problem+json",
                schema: ProblemDocument::schema_ref(),
            }],
            headers: vec![],
        };
        MetaResponses { responses: ALWAYS.iter().map(document).collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemDocument::register(registry);
    }
}
