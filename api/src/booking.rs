//! Bookings: asking for one, looking at one's own, changing one, calling one off.

use std::sync::Arc;

use chrono::{DateTime, Days, TimeDelta, Utc};
use entity::booking::{Column, Entity, Model};
use jobs::booking::{CancelBooking, ChangeBooking, ExtendBooking, RequestBooking};
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi, Union,
    param::{Path, Query},
    payload::Json,
    types::Example,
};
use rules::booking::BookingStatus;
use rules::period::stored;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;
use uuid::Uuid;
use view::{Word, booking::Booking, waitlist::Entry};

use crate::{
    Tag,
    accept::{Asking, Ending, Key, Written, job_for},
    account::Reasons,
    auth::{BookingsRead, BookingsWrite, Caller},
    error::ApiError,
    front::Front,
    listing::{Cursor, Page, limit, older},
    shape::Shaped,
};

/// What a cursor of its list is one of.
const LIST: &str = "bookings";

/// A customer wants a car for a while.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct BookingRequest {
    car_id: Uuid,
    /// RFC 3339.
    start_date: DateTime<Utc>,
    /// RFC 3339; the car is back by then.
    end_date: DateTime<Utc>,
    /// If the car is taken, wait for it instead: the answer is then `{"waitlistEntry": …}`.
    #[oai(default)]
    join_waitlist: bool,
}

/// What a request for a car came to: the booking, or with `joinWaitlist` a place in the queue.
#[derive(Debug, Union)]
enum Requested {
    Booking(Booking),
    Waiting(Waiting),
}

/// The car was taken, and you wait for it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct Waiting {
    waitlist_entry: Entry,
}

/// What is to be different about a booking; what is left out stays.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields, example)]
struct BookingChange {
    car_id: Option<Uuid>,
    /// RFC 3339.
    start_date: Option<DateTime<Utc>>,
    /// RFC 3339.
    end_date: Option<DateTime<Utc>>,
    /// For staff: the house cannot keep what was booked, so a day costs no more than was agreed.
    #[oai(default)]
    house_fault: bool,
}

impl Example for BookingChange {
    fn example() -> Self {
        Self { car_id: None, start_date: Some(example_day(4)), end_date: Some(example_day(8)), house_fault: false }
    }
}

/// Until when the car is kept.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields, example)]
struct Extension {
    /// RFC 3339; later than the present end.
    end_date: DateTime<Utc>,
}

impl Example for Extension {
    fn example() -> Self {
        Self { end_date: example_day(9) }
    }
}

/// A day of May 2027 in the morning, for the examples of the OpenAPI document.
fn example_day(day: u64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Days::new(20_938 + day) + TimeDelta::hours(8)
}

#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct Cancelling {
    #[oai(validator(max_length = 500))]
    reason: Option<String>,
    /// For staff: the house has no car for the customer, so there is no fee and everything is refunded.
    #[oai(default)]
    house_fault: bool,
}

/// The booking, if the caller may see it. Somebody else's is not there at all.
pub(crate) async fn own<S>(front: &Front, caller: &Caller<S>, id: Uuid) -> Result<Model, ApiError> {
    let query = Entity::find_by_id(id).filter(caller.sees("booking"));
    query.one(&front.db).await?.ok_or_else(ApiError::not_found)
}

/// Tells a place in the queue from a booking.
fn requested(ending: Ending, asking: &Asking) -> Result<Written<Requested>, ApiError> {
    match ending {
        Ending::Done(entry) if entry.get("number").is_none() => {
            let location = format!("/api/v1/waitlist/{}", entry["id"].as_str().unwrap_or_default());
            Ending::Done(json!({ "waitlistEntry": entry })).created_at(asking, location)
        }
        booking => booking.created(asking, "/api/v1/bookings"),
    }
}

pub struct BookingApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Bookings")]
impl BookingApi {
    /// Book a car
    ///
    /// `409 car_taken` comes with `alternatives`, and with `waitlistUrl` and the body `waitlist` to send there; or say
    /// `joinWaitlist` at once. `422 dates_refused` comes with every reason. Whoever has twenty bookings
    /// that have not ended, or as many as the house has set, gets `422 too_many_bookings`.
    #[oai(path = "/bookings", method = "post", operation_id = "requestBooking")]
    async fn request(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<BookingsWrite>,
        asking: Asking,
        Shaped(body): Shaped<BookingRequest>,
    ) -> Result<Written<Requested>, ApiError> {
        let mut reasons = Reasons::default();
        let period = reasons.period(("/startDate", body.start_date), ("/endDate", body.end_date));
        let period = period.ok_or_else(|| reasons.into_error())?;
        let request = RequestBooking {
            booking_id: Uuid::now_v7(),
            car_id: body.car_id,
            customer_id: caller.account_id,
            start: period.start,
            end: period.end,
            join_waitlist: body.join_waitlist.then(Uuid::now_v7),
        };
        let same = json!({ "carId": request.car_id, "start": request.start, "end": request.end,
                           "joinWaitlist": body.join_waitlist });
        let job = job_for(&asking, Key::Required, Some(caller.account_id), &request, &same)?;
        requested(front.write(&asking, job).await?, &asking)
    }

    /// List bookings
    ///
    /// One's own, newest first; staff see everybody's, whoever runs a branch those of the branch.
    #[oai(path = "/bookings", method = "get", operation_id = "listBookings")]
    async fn list(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<BookingsRead>,
        status: Query<Option<Word<BookingStatus>>>,
        #[oai(name = "carId")] car_id: Query<Option<Uuid>>,
        #[oai(name = "limit", validator(minimum(value = "1"), maximum(value = "100")))] asked: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Booking>>, ApiError> {
        let limit = limit(asked.0);
        let after = older(LIST, cursor.0.as_deref())?;
        let wanted = caller
            .sees("booking")
            .add_option(status.0.map(|status| Column::Status.eq(status.0.as_str())))
            .add_option(car_id.0.map(|car| Column::CarId.eq(car)))
            .add_option(after);
        let query = Entity::find().filter(wanted).order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
        let rows = query.limit(limit + 1).all(&front.db).await?;
        Ok(Json(Page::cut(LIST, rows, limit, |row| Cursor { at: row.created_at, id: row.id }, Booking::from)))
    }

    /// Show a booking
    #[oai(path = "/bookings/:id", method = "get", operation_id = "showBooking")]
    async fn show(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<BookingsRead>,
        id: Path<Uuid>,
    ) -> Result<Json<Booking>, ApiError> {
        Ok(Json(own(&front, &caller, id.0).await?.into()))
    }

    /// Change a booking
    ///
    /// Other dates, another car, or both; priced again at today's price. A car that the house gave instead of the one
    /// that was booked, or a better one than was waited for, costs no more per day than was agreed, and with `houseFault`
    /// (staff only, else `403 forbidden`) so does any car. Once the customer has the car only a later end is possible.
    /// `409 car_taken` comes with `alternatives` and leaves the booking as it was. Cancelling is free as long as it was: a
    /// change does not begin that time anew once it is over, nor does it make a cancellation cheaper then: `409 too_late`
    /// when the booking would cost less than cancelling it, or be paid in another currency. Whoever brings the start so
    /// near that it would be over has an hour left.
    #[oai(path = "/bookings/:id", method = "patch", operation_id = "changeBooking")]
    async fn change(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<BookingsWrite>,
        asking: Asking,
        id: Path<Uuid>,
        Shaped(body): Shaped<BookingChange>,
    ) -> Result<Written<Booking>, ApiError> {
        let booking = own(&front, &caller, id.0).await?;
        let BookingChange { car_id, start_date: start, end_date: end, house_fault } = body;
        let (booking_id, changed_by) = (booking.id, caller.account_id);
        let (start, end) = (start.map(stored), end.map(stored));
        let change = ChangeBooking { booking_id, changed_by, car_id, start, end, house_fault };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &change, &json!(change))?;
        front.write(&asking, job).await?.ok(&asking)
    }

    /// Extend a booking
    ///
    /// Keeps the car for longer, also while it is out or overdue; priced again as a whole. `409 car_taken` when
    /// somebody has the car next; `alternatives` then says until when it can be kept.
    #[oai(path = "/bookings/:id/extend", method = "post", operation_id = "extendBooking")]
    async fn extend(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<BookingsWrite>,
        asking: Asking,
        id: Path<Uuid>,
        Shaped(body): Shaped<Extension>,
    ) -> Result<Written<Booking>, ApiError> {
        let booking = own(&front, &caller, id.0).await?;
        let extend =
            ExtendBooking { booking_id: booking.id, extended_by: caller.account_id, end: stored(body.end_date) };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &extend, &json!(extend))?;
        front.write(&asking, job).await?.ok(&asking)
    }

    /// Cancel a booking
    ///
    /// Frees the time at once; `cancellation` says what is kept and what goes back by the policy. `403 forbidden` when
    /// somebody else than staff says `houseFault`.
    #[oai(path = "/bookings/:id/cancel", method = "post", operation_id = "cancelBooking")]
    async fn cancel(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<BookingsWrite>,
        asking: Asking,
        id: Path<Uuid>,
        Shaped(body): Shaped<Cancelling>,
    ) -> Result<Written<Booking>, ApiError> {
        let booking = own(&front, &caller, id.0).await?;
        let Cancelling { reason, house_fault } = body;
        let (booking_id, cancelled_by) = (booking.id, caller.account_id);
        let cancel = CancelBooking { booking_id, cancelled_by, reason, house_fault };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &cancel, &json!(cancel))?;
        front.write(&asking, job).await?.ok(&asking)
    }
}
