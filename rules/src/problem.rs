//! Every refusal the platform can answer with, by its stable code.
//!
//! A worker refuses with a code; the front finds the HTTP status and the title
//! here, so that one refusal looks the same wherever it was decided.

use serde::Serialize;

/// One kind of refusal, as RFC 9457 wants it told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable; clients compare it.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// The same words for every occurrence; details go elsewhere.
    pub title: &'static str,
}

/// One of the reasons behind a refusal: what is wrong, where, in words for a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub code: &'static str,
    /// JSON Pointer into the request body, such as `/startDate`.
    pub pointer: &'static str,
    pub message: String,
}

/// The problem with this code, if there is one.
pub fn find(code: &str) -> Option<&'static Problem> {
    ALL.iter().find(|problem| problem.code == code)
}

macro_rules! problems {
    ($($name:ident = $status:literal $code:literal $title:literal;)+) => {
        $(
            #[doc = concat!("`", $code, "`: ", $title, ".")]
            pub const $name: Problem = Problem { code: $code, status: $status, title: $title };
        )+

        /// The whole registry, for documents and for [`find`].
        pub const ALL: &[Problem] = &[$($name,)+];
    };
}

problems! {
    BAD_REQUEST = 400 "bad_request" "The request could not be read";
    IDEMPOTENCY_KEY_REQUIRED = 400 "idempotency_key_required" "An Idempotency-Key header is required here";
    IDEMPOTENCY_KEY_INVALID = 400 "idempotency_key_invalid" "The Idempotency-Key header is not usable";

    UNAUTHENTICATED = 401 "unauthenticated" "Please log in";
    INVALID_CREDENTIALS = 401 "invalid_credentials" "E-mail address or password is wrong";
    TOKEN_EXPIRED = 401 "token_expired" "The access token has expired";
    TOKEN_INVALID = 401 "token_invalid" "The token is not valid";
    REFRESH_INVALID = 401 "refresh_invalid" "The refresh token is not valid";
    REFRESH_REUSED = 401 "refresh_reused" "The refresh token was used before; all its sessions are closed";

    FORBIDDEN = 403 "forbidden" "This account may not do that";
    SUSPENDED = 403 "suspended" "This account is suspended";

    NOT_FOUND = 404 "not_found" "There is nothing here";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "This address does not answer that method";
    NOT_ACCEPTABLE = 406 "not_acceptable" "The answer cannot be given in the wanted form";
    REQUEST_TIMEOUT = 408 "request_timeout" "The request took too long to arrive";

    EMAIL_TAKEN = 409 "email_taken" "An account with this e-mail address exists already";
    PLATE_TAKEN = 409 "plate_taken" "A car with this plate exists already";
    VIN_TAKEN = 409 "vin_taken" "A car with this VIN exists already";
    CAR_TAKEN = 409 "car_taken" "The car is taken for these dates";
    CAR_HAS_BOOKINGS = 409 "car_has_bookings" "The car still has bookings";
    CAR_NOT_IN_SERVICE = 409 "car_not_in_service" "The car is not in service";
    TOO_EARLY = 409 "too_early" "It is too early for that";
    TOO_LATE = 409 "too_late" "It is too late for that";
    PHOTOS_MISSING = 409 "photos_missing" "Some photos are missing";
    PHOTOS_PENDING = 409 "photos_pending" "Some photos are still being checked";
    ILLEGAL_STATE = 409 "illegal_state" "That is not possible in the present state";
    CONFLICT = 409 "conflict" "Somebody else changed this meanwhile";
    REQUEST_IN_PROGRESS = 409 "request_in_progress" "The same request is still being carried out";
    BOOKABLE_NOW = 409 "bookable_now" "A matching car can be booked now";
    ALREADY_WAITING = 409 "already_waiting" "There is an entry for these dates already";
    OFFER_EXPIRED = 409 "offer_expired" "The offer has expired";
    ALREADY_TAKEN = 409 "already_taken" "Somebody else was faster";
    ALREADY_DECIDED = 409 "already_decided" "This was decided already";
    ALREADY_REVIEWED = 409 "already_reviewed" "This booking has a review already";

    GONE = 410 "gone" "This is no longer here";
    LENGTH_REQUIRED = 411 "length_required" "The request must say how long it is";
    PRECONDITION_FAILED = 412 "precondition_failed" "This was changed since it was read";
    BODY_TOO_LARGE = 413 "body_too_large" "The request is too large";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "This kind of content is not understood here";

    VALIDATION_FAILED = 422 "validation_failed" "Some of what was sent is not acceptable";
    DATES_REFUSED = 422 "dates_refused" "These dates cannot be booked";
    PHOTOS_REFUSED = 422 "photos_refused" "Some photos cannot be accepted";
    RETAKE_ADVISED = 422 "retake_advised" "Some photos could show more";
    ODOMETER_REFUSED = 422 "odometer_refused" "The odometer reading cannot be right";
    NOT_ELIGIBLE = 422 "not_eligible" "This person may not book this car";
    TOO_MANY_ENTRIES = 422 "too_many_entries" "There are too many waitlist entries";
    TOO_MANY_BOOKINGS = 422 "too_many_bookings" "There are too many open bookings";
    IDEMPOTENCY_KEY_REUSED = 422 "idempotency_key_reused" "The Idempotency-Key was used for another request";

    PRECONDITION_REQUIRED = 428 "precondition_required" "An If-Match header is required here";
    RATE_LIMITED = 429 "rate_limited" "Too many requests; please wait a little";
    INTERNAL = 500 "internal" "Something went wrong on our side";
    JOB_FAILED = 500 "job_failed" "The work was tried and could not be finished";
    SERVICE_UNAVAILABLE = 503 "service_unavailable" "The service is not available for a moment";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_problems_share_a_code() {
        let codes: HashSet<_> = ALL.iter().map(|problem| problem.code).collect();
        assert_eq!(codes.len(), ALL.len());
    }

    #[test]
    fn every_problem_is_an_error_and_says_so_in_words() {
        for problem in ALL {
            assert!((400..600).contains(&problem.status), "{problem:?}");
            assert!(!problem.title.is_empty() && !problem.title.ends_with('.'));
            assert!(problem.code.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        }
    }

    #[test]
    fn a_code_leads_to_its_problem() {
        assert_eq!(find("car_taken"), Some(&CAR_TAKEN));
        assert_eq!(find("no_such_code"), None);
    }
}
