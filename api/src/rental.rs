//! The rental itself: pick-up, return with its photos, and the decision on it.

pub(crate) mod body;
pub(crate) mod decision;
mod opened;

use std::sync::Arc;

use entity::{
    photo,
    rental_return::{Column, Entity, Model},
};
use jobs::rental::{Asker, OpenReturn, PickUpCar, ReturnCar};
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rules::{money::Currency, problem, rental::ReturnState};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;
use uuid::Uuid;
use view::{Word, booking::Booking, rental::Return};

use crate::{
    Tag,
    accept::{Asking, Ending, Key, Written, job_for},
    account::Reasons,
    auth::{BookingsWrite, Caller, Origin, ReturnsDecide, ReturnsRead, ReturnsWrite},
    booking,
    error::ApiError,
    front::Front,
    listing::{Cursor, Page, limit, older},
    shape::Shaped,
    upload::{Incoming, check_readings},
    words::{EXCUSE, written},
};
use body::{JsonOrForm, Nothing, Readings};
use decision::Decide;
use opened::{ReturnAnswer, opened};

/// What a cursor of its list is one of.
const LIST: &str = "returns";

/// What the instruments show when the photos are up.
#[derive(Debug, Object)]
#[oai(rename = "ReturnCompletion", rename_all = "camelCase", deny_unknown_fields)]
struct Completion {
    /// Kilometres.
    odometer: i32,
    /// 0.0 empty to 1.0 full.
    fuel: f64,
    /// Staff only: why there are no photos (breakdown, theft, a dead telephone). Flagged for ever.
    #[oai(validator(min_length = 3, max_length = 500))]
    without_photos_reason: Option<String>,
    /// Takes the photos as they are, without asking once for better ones.
    #[oai(default)]
    accept_as_is: bool,
    /// Staff only: why the odometer is right although it shows less than before, or far more. Written down.
    #[oai(validator(min_length = 3, max_length = 500))]
    odometer_correction: Option<String>,
}

/// A reason that only staff can give.
fn excuse(asker: &Asker, pointer: &str, reason: Option<String>, what: &str) -> Result<Option<String>, ApiError> {
    let Some(reason) = reason else { return Ok(None) };
    if !asker.staff {
        return Err(ApiError::new(problem::FORBIDDEN, format!("Only staff can {what}.")));
    }
    let mut wrong = Reasons::default();
    wrong.take(pointer, written(&reason, &EXCUSE)).map(Some).ok_or_else(|| wrong.into_error())
}

/// Why a reading is taken that does not fit the last one.
fn correction(asker: &Asker, reason: Option<String>) -> Result<Option<String>, ApiError> {
    excuse(asker, "/odometerCorrection", reason, "correct the odometer")
}

fn asker<S>(caller: &Caller<S>, origin: Origin) -> Asker {
    Asker { account_id: caller.account_id, staff: caller.is_staff(), ip: origin.ip, user_agent: origin.user_agent }
}

async fn own<S>(front: &Front, caller: &Caller<S>, id: Uuid) -> Result<Model, ApiError> {
    let query = Entity::find_by_id(id).filter(caller.sees_by_booking("rental_return"));
    query.one(&front.db).await?.ok_or_else(ApiError::not_found)
}

async fn document(front: &Front, rental_return: Model) -> Result<Return, ApiError> {
    let photos = photo::Entity::counting(&front.db, rental_return.booking_id).await?;
    Ok(Return::new(rental_return, photos)?)
}

pub struct RentalApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Returns")]
impl RentalApi {
    /// Pick a car up
    ///
    /// From two hours before the start while the car is free. Send JSON, or a form that also holds photos of the
    /// four sides: what they show cannot be charged later, and on a side without one nothing can be.
    ///
    /// `422 odometer_refused` where the odometer shows less than before, or more than anybody drives on one rental; staff
    /// take it all the same with `odometerCorrection`.
    #[oai(path = "/bookings/:id/pickup", method = "post", operation_id = "pickUpCar")]
    async fn pick_up(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<BookingsWrite>,
        asking: Asking,
        origin: Origin,
        id: Path<Uuid>,
        body: JsonOrForm<Readings>,
    ) -> Result<Written<Booking>, ApiError> {
        let booking = booking::own(&front, &caller, id.0).await?;
        let asker = asker(&caller, origin);
        let (pick_up, request) = match body {
            JsonOrForm::Json(Readings { odometer, fuel, odometer_correction }) => {
                check_readings(odometer, fuel)?;
                let (booking_id, photos) = (booking.id, Vec::new());
                let odometer_correction = correction(&asker, odometer_correction)?;
                let request = json!({ "odometer": odometer, "fuel": fuel, "odometerCorrection": odometer_correction, "photos": [] });
                (PickUpCar { booking_id, asker, odometer, fuel, photos, odometer_correction }, request)
            }
            JsonOrForm::Form(form) => {
                let form = form.receive().await?;
                let odometer_correction = correction(&asker, form.odometer_correction.clone())?;
                let photos = form.store(&front.bucket, booking.id, asking.key.as_deref(), chrono::Utc::now()).await?;
                let (odometer, fuel) = (form.odometer, form.fuel);
                let booking_id = booking.id;
                (PickUpCar { booking_id, asker, odometer, fuel, photos, odometer_correction }, form.fingerprint())
            }
        };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &pick_up, &request)?;
        front.write(&asking, job).await?.ok(&asking)
    }

    /// Give a car back
    ///
    /// With the JSON `{}`: answers where to PUT the photos of the four sides (`curl -T front.jpg URL`); then
    /// complete the return. Asked again while it is open, it answers new places for new versions of the photos;
    /// with the same Idempotency-Key, the same places with fresh addresses.
    ///
    /// With a form of four photos, odometer and fuel: opens and completes the return in one go. Photos that
    /// could be better are answered once with `422 retake_advised`: the return is open then and keeps them, so send the
    /// form again, with better photos or the same, under a new Idempotency-Key; or send `acceptAsIs` with it.
    ///
    /// A return that is complete is answered again for the same readings and photos; `409 illegal_state` for others.
    #[oai(path = "/bookings/:id/return", method = "post", operation_id = "returnCar")]
    async fn give_back(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsWrite>,
        asking: Asking,
        origin: Origin,
        id: Path<Uuid>,
        body: JsonOrForm<Nothing>,
    ) -> Result<Written<ReturnAnswer>, ApiError> {
        let booking = booking::own(&front, &caller, id.0).await?;
        let asker = asker(&caller, origin);
        match body {
            JsonOrForm::Json(Nothing {}) => {
                let open = OpenReturn { return_id: Uuid::now_v7(), booking_id: booking.id, asker };
                let job = job_for(&asking, Key::Required, Some(caller.account_id), &open, &json!({}))?;
                opened(&front, front.write(&asking, job).await?, &asking).await
            }
            JsonOrForm::Form(form) => self.return_at_once(&front, &asking, booking.id, asker, form).await,
        }
    }

    /// Complete a return
    ///
    /// When the photos are up. `409 photos_missing` names the sides that lack one, or says that better photos were asked
    /// for and none is new; `422 photos_refused` says which are not accepted and why. A return that is complete is
    /// answered again for the same readings; `409 illegal_state` for others.
    ///
    /// `422 retake_advised` asks once for other photos where one is blurred or dark, looks like one that was sent before, or
    /// shows the same side of the car as another. It blocks nobody: upload those sides again or not, and complete the
    /// return under a new Idempotency-Key. The photos are then accepted and flagged. With `acceptAsIs` it is not asked.
    #[oai(path = "/returns/:id/complete", method = "post", operation_id = "completeReturn")]
    async fn complete(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsWrite>,
        asking: Asking,
        origin: Origin,
        id: Path<Uuid>,
        Shaped(body): Shaped<Completion>,
    ) -> Result<Written<Return>, ApiError> {
        let rental_return = own(&front, &caller, id.0).await?;
        check_readings(body.odometer, body.fuel)?;
        let asker = asker(&caller, origin);
        let without_photos_reason =
            excuse(&asker, "/withoutPhotosReason", body.without_photos_reason, "take a car back without photos")?;
        let odometer_correction = correction(&asker, body.odometer_correction)?;
        let complete = ReturnCar {
            return_id: rental_return.id,
            booking_id: None,
            asker,
            odometer: body.odometer,
            fuel: body.fuel,
            photos: Vec::new(),
            without_photos_reason,
            accept_as_is: body.accept_as_is,
            odometer_correction,
        };
        let request = json!({
            "odometer": complete.odometer, "fuel": complete.fuel, "withoutPhotosReason": complete.without_photos_reason,
            "acceptAsIs": complete.accept_as_is, "odometerCorrection": complete.odometer_correction,
        });
        let job = job_for(&asking, Key::Required, Some(caller.account_id), &complete, &request)?;
        front.write(&asking, job).await?.ok(&asking)
    }

    /// List returns
    ///
    /// One's own, newest first; staff see everybody's.
    #[oai(path = "/returns", method = "get", operation_id = "listReturns")]
    async fn list(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsRead>,
        state: Query<Option<Word<ReturnState>>>,
        #[oai(name = "bookingId")] booking_id: Query<Option<Uuid>>,
        #[oai(name = "limit", validator(minimum(value = "1"), maximum(value = "100")))] asked: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Return>>, ApiError> {
        let limit = limit(asked.0);
        let after = older(LIST, cursor.0.as_deref())?;
        let wanted = caller
            .sees_by_booking("rental_return")
            .add_option(state.0.map(|state| Column::State.eq(state.0.as_str())))
            .add_option(booking_id.0.map(|booking| Column::BookingId.eq(booking)))
            .add_option(after);
        let query = Entity::find().filter(wanted).order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
        let rows = query.limit(limit + 1).all(&front.db).await?;
        let mut photos = photo::Entity::counting_of(&front.db, rows.iter().map(|row| row.booking_id)).await?;
        let document = |row: Model| {
            let photos = photos.remove(&row.booking_id).unwrap_or_default();
            Return::new(row, photos)
        };
        let shown = rows.into_iter().map(document).collect::<Result<Vec<_>, _>>()?;
        Ok(Json(Page::cut(LIST, shown, limit, |shown| Cursor { at: shown.created_at, id: shown.id }, |shown| shown)))
    }

    /// Show a return
    ///
    /// `decision` is `null` until a person has decided; the model only suggests.
    #[oai(path = "/returns/:id", method = "get", operation_id = "showReturn")]
    async fn show(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsRead>,
        id: Path<Uuid>,
    ) -> Result<Json<Return>, ApiError> {
        let rental_return = own(&front, &caller, id.0).await?;
        Ok(Json(document(&front, rental_return).await?))
    }

    /// Decide a return
    ///
    /// By an admin, or whoever runs the branch of the rental, and never by the renter. `clear` completes the booking, `damage` also writes the items into the register and tells the customer,
    /// `more_photos` asks the customer once for better ones. The first decision wins: `409 already_decided`.
    #[oai(path = "/returns/:id/decision", method = "post", operation_id = "decideReturn")]
    async fn decide(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsDecide>,
        asking: Asking,
        id: Path<Uuid>,
        Shaped(body): Shaped<Decide>,
    ) -> Result<Written<Return>, ApiError> {
        let rental_return = own(&front, &caller, id.0).await?;
        let booking = entity::booking::Entity::find_by_id(rental_return.booking_id).one(&front.db).await?;
        let booking = booking.ok_or_else(ApiError::not_found)?;
        let currency = Currency::new(&booking.currency).map_err(ApiError::internal)?;
        let decide = body.job(&rental_return, currency, caller.account_id, false)?;
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &decide, &json!(decide))?;
        front.write(&asking, job).await?.ok(&asking)
    }
}

impl RentalApi {
    async fn return_at_once(
        &self,
        front: &Front,
        asking: &Asking,
        booking: Uuid,
        asker: Asker,
        form: Incoming,
    ) -> Result<Written<ReturnAnswer>, ApiError> {
        // Nothing is uploaded for a request that is going to be refused for its headers.
        asking.key.as_deref().ok_or_else(opened::key_required)?;
        let form = form.receive().await?;
        let account = asker.account_id;
        let odometer_correction = correction(&asker, form.odometer_correction.clone())?;
        let give_back = ReturnCar {
            return_id: Uuid::now_v7(),
            booking_id: Some(booking),
            asker,
            odometer: form.odometer,
            fuel: form.fuel,
            photos: form.store(&front.bucket, booking, asking.key.as_deref(), chrono::Utc::now()).await?,
            without_photos_reason: None,
            accept_as_is: form.accept_as_is,
            odometer_correction,
        };
        let job = job_for(asking, Key::Required, Some(account), &give_back, &form.fingerprint())?;
        match front.write(asking, job).await? {
            Ending::Done(document) => opened::completed(document, asking),
            pending @ Ending::Pending(_) => pending.created(asking, "/api/v1/returns"),
        }
    }
}
