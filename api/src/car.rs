//! The fleet: looking for cars, adding, changing and retiring them.

mod block;
mod search;

use std::sync::Arc;

use jobs::car::{AddCar, ChangeCar, RetireCar};
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rules::{
    car::{CarStatus, Category, FuelType, Plate, Vin},
    line::line,
    money::{Currency, Money},
};
use sea_orm::EntityTrait;
use serde_json::json;
use uuid::Uuid;
use view::{
    Word,
    car::{Car, Retired},
};

use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    account::Reasons,
    auth::{ByStaff, Caller, CarsWrite},
    error::ApiError,
    front::Front,
    listing::{Page, limit},
    shape::Shaped,
};

pub use block::BlockApi;
pub(crate) use search::free_between;

/// A car that joins the fleet.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct NewCar {
    #[oai(validator(min_length = 1, max_length = 60))]
    make: String,
    #[oai(validator(min_length = 1, max_length = 60))]
    model: String,
    year: i16,
    /// Normalised: upper case, blanks and hyphens become one hyphen.
    plate: String,
    /// 17 characters; the check digit is verified where it applies.
    vin: Option<String>,
    category: Word<Category>,
    seats: i16,
    fuel_type: Word<FuelType>,
    price_per_day: view::Money,
    branch_id: Option<Uuid>,
    #[oai(validator(max_length = 200))]
    location: Option<String>,
    #[oai(validator(max_length = 2000))]
    description: Option<String>,
    #[oai(default, validator(max_items = 30))]
    features: Vec<String>,
}

/// What changes of a car; what is left out stays.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct CarChange {
    #[oai(validator(min_length = 1, max_length = 60))]
    make: Option<String>,
    #[oai(validator(min_length = 1, max_length = 60))]
    model: Option<String>,
    year: Option<i16>,
    plate: Option<String>,
    vin: Option<String>,
    category: Option<Word<Category>>,
    seats: Option<i16>,
    fuel_type: Option<Word<FuelType>>,
    price_per_day: Option<view::Money>,
    branch_id: Option<Uuid>,
    #[oai(validator(max_length = 200))]
    location: Option<String>,
    #[oai(validator(max_length = 2000))]
    description: Option<String>,
    #[oai(validator(max_items = 30))]
    features: Option<Vec<String>>,
    status: Option<Word<CarStatus>>,
}

/// What is read in one line, in mails and on pages.
fn one_line(reasons: &mut Reasons, pointer: &str, text: &mut String) {
    if let Some(line) = reasons.take(pointer, line(text).map(str::to_owned)) {
        *text = line;
    }
}

/// The texts of a car.
fn lines(
    reasons: &mut Reasons,
    (make, model): (Option<&mut String>, Option<&mut String>),
    location: Option<&mut String>,
    features: Option<&mut Vec<String>>,
) {
    // An empty one says that it is nowhere in particular.
    let location = location.filter(|location| !location.is_empty());
    for (pointer, text) in [("/make", make), ("/model", model), ("/location", location)] {
        if let Some(text) = text {
            one_line(reasons, pointer, text);
        }
    }
    for (at, feature) in features.into_iter().flatten().enumerate() {
        one_line(reasons, &format!("/features/{at}"), feature);
    }
}

fn money(reasons: &mut Reasons, price: &view::Money) -> Option<Money> {
    let currency = reasons.take("/pricePerDay/currency", Currency::new(&price.currency))?;
    Some(Money { amount: price.amount, currency })
}

/// The words of a comma-separated list; what is empty is none.
fn named(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Whoever knows a VIN can order keys and papers for the car.
fn shown(car: entity::car::Model, by_staff: bool) -> Car {
    let car = Car::from(car);
    Car { vin: car.vin.filter(|_| by_staff), ..car }
}

pub struct CarApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Fleet")]
impl CarApi {
    /// Find cars
    ///
    /// With `from` and `to`, only cars that are free then.
    #[expect(clippy::too_many_arguments, reason = "each is one filter of the query string")]
    #[oai(path = "/cars", method = "get", operation_id = "findCars")]
    async fn find(
        &self,
        front: Data<&Arc<Front>>,
        category: Query<Option<Word<Category>>>,
        /// At least this many.
        seats: Query<Option<i16>>,
        #[oai(name = "fuelType")] fuel_type: Query<Option<Word<FuelType>>>,
        /// Per day, in minor units.
        #[oai(name = "minPrice")]
        min_price: Query<Option<i64>>,
        /// Per day, in minor units.
        #[oai(name = "maxPrice")]
        max_price: Query<Option<i64>>,
        /// Comma-separated; a car has all of them.
        features: Query<Option<String>>,
        #[oai(name = "branchId")] branch_id: Query<Option<Uuid>>,
        lat: Query<Option<f64>>,
        lon: Query<Option<f64>>,
        /// Kilometres around `lat` and `lon`.
        #[oai(name = "radiusKm")]
        radius_km: Query<Option<f64>>,
        from: Query<Option<chrono::DateTime<chrono::Utc>>>,
        to: Query<Option<chrono::DateTime<chrono::Utc>>>,
        /// `newest` (default), `price` or `-price`.
        sort: Query<Option<search::Sort>>,
        #[oai(name = "limit", validator(minimum(value = "1"), maximum(value = "100")))] asked: Query<Option<u64>>,
        cursor: Query<Option<String>>,
        ByStaff(by_staff): ByStaff,
    ) -> Result<Json<Page<Car>>, ApiError> {
        let wanted = search::Wanted {
            category: category.0.map(|word| word.0),
            seats: seats.0,
            fuel_type: fuel_type.0.map(|word| word.0),
            price: (min_price.0, max_price.0),
            features: features.0.map(|list| named(&list)).unwrap_or_default(),
            branch_id: branch_id.0,
            around: search::around(lat.0, lon.0, radius_km.0)?,
            free: search::period(from.0, to.0)?,
            sort: sort.0.unwrap_or_default(),
        };
        search::find(&front.db, &wanted, limit(asked.0), cursor.0.as_deref(), |car| shown(car, by_staff))
            .await
            .map(Json)
    }

    /// Show a car
    #[oai(path = "/cars/:id", method = "get", operation_id = "showCar")]
    async fn show(
        &self,
        front: Data<&Arc<Front>>,
        id: Path<Uuid>,
        ByStaff(by_staff): ByStaff,
    ) -> Result<Json<Car>, ApiError> {
        let car = entity::car::Entity::find_by_id(id.0).one(&front.db).await?;
        Ok(Json(shown(car.ok_or_else(ApiError::not_found)?, by_staff)))
    }

    /// Add a car
    #[oai(path = "/cars", method = "post", operation_id = "addCar")]
    async fn add(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<CarsWrite>,
        asking: Asking,
        Shaped(mut body): Shaped<NewCar>,
    ) -> Result<Written<Car>, ApiError> {
        let mut reasons = Reasons::default();
        let names = (Some(&mut body.make), Some(&mut body.model));
        lines(&mut reasons, names, body.location.as_mut(), Some(&mut body.features));
        let plate = reasons.take("/plate", Plate::new(&body.plate));
        let vin = body.vin.as_deref().and_then(|vin| reasons.take("/vin", Vin::new(vin)));
        let price = money(&mut reasons, &body.price_per_day);
        let (Some(plate), Some(price_per_day), true) = (plate, price, reasons.is_empty()) else {
            return Err(reasons.into_error());
        };
        let mut add = AddCar {
            car_id: Uuid::nil(),
            added_by: caller.account_id,
            make: body.make,
            model: body.model,
            year: body.year,
            plate: plate.as_str().to_owned(),
            vin: vin.map(|vin| vin.as_str().to_owned()),
            category: body.category.0,
            seats: body.seats,
            fuel_type: body.fuel_type.0,
            price_per_day,
            branch_id: body.branch_id,
            location: body.location,
            description: body.description,
            features: body.features,
        };
        // Named after the request was pinned down: the name is new each time, the request is not.
        let request = json!(add);
        add.car_id = Uuid::now_v7();
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &add, &request)?;
        front.write(&asking, job).await?.created(&asking, "/api/v1/cars")
    }

    /// Change a car
    ///
    /// A car that is not in service any more gives its live offers back, and its bookings of the next two days get another
    /// car or a call. One that retires or moves to another branch must have no bookings ahead: `409 car_has_bookings` names
    /// them.
    #[oai(path = "/cars/:id", method = "patch", operation_id = "changeCar")]
    async fn change(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<CarsWrite>,
        asking: Asking,
        id: Path<Uuid>,
        Shaped(mut body): Shaped<CarChange>,
    ) -> Result<Written<Car>, ApiError> {
        let mut reasons = Reasons::default();
        let names = (body.make.as_mut(), body.model.as_mut());
        lines(&mut reasons, names, body.location.as_mut(), body.features.as_mut());
        let plate = body.plate.as_deref().and_then(|plate| reasons.take("/plate", Plate::new(plate)));
        let vin = body.vin.as_deref().and_then(|vin| reasons.take("/vin", Vin::new(vin)));
        let price_per_day = body.price_per_day.as_ref().and_then(|price| money(&mut reasons, price));
        if !reasons.is_empty() {
            return Err(reasons.into_error());
        }
        let change = ChangeCar {
            car_id: id.0,
            changed_by: caller.account_id,
            make: body.make,
            model: body.model,
            year: body.year,
            plate: plate.map(|plate| plate.as_str().to_owned()),
            vin: vin.map(|vin| vin.as_str().to_owned()),
            category: body.category.map(|word| word.0),
            seats: body.seats,
            fuel_type: body.fuel_type.map(|word| word.0),
            price_per_day,
            branch_id: body.branch_id,
            location: body.location,
            description: body.description,
            features: body.features,
            status: body.status.map(|word| word.0),
        };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &change, &json!(change))?;
        front.write(&asking, job).await?.ok(&asking)
    }

    /// Retire a car
    ///
    /// A car without any history is deleted instead. `409 car_has_bookings` names bookings that are still ahead; those who
    /// wait for this very car are told that they wait no longer.
    #[oai(path = "/cars/:id", method = "delete", operation_id = "retireCar")]
    async fn retire(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<CarsWrite>,
        asking: Asking,
        id: Path<Uuid>,
    ) -> Result<Written<Retired>, ApiError> {
        let retire = RetireCar { car_id: id.0, retired_by: caller.account_id };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &retire, &json!(retire))?;
        front.write(&asking, job).await?.ok(&asking)
    }
}
