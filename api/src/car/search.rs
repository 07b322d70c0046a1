//! The query behind `GET /cars`.

use chrono::{DateTime, Utc};
use entity::car::{Column, Entity, Model};
use poem_openapi::Enum;
use rules::{
    car::{CarStatus, Category, FuelType},
    period::Period,
};
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Value,
    sea_query::{Expr, Order, SimpleExpr},
};
use uuid::Uuid;
use view::car::Car;

use crate::{
    account::Reasons,
    error::ApiError,
    listing::{Cursor, Page},
};

/// The order of cars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[oai(rename = "CarSort")]
pub(crate) enum Sort {
    #[default]
    #[oai(rename = "newest")]
    Newest,
    #[oai(rename = "price")]
    Price,
    #[oai(rename = "-price")]
    PriceDescending,
}

/// Which cars are looked for.
pub(crate) struct Wanted {
    pub(crate) category: Option<Category>,
    pub(crate) seats: Option<i16>,
    pub(crate) fuel_type: Option<FuelType>,
    pub(crate) price: (Option<i64>, Option<i64>),
    pub(crate) features: Vec<String>,
    pub(crate) branch_id: Option<Uuid>,
    pub(crate) around: Option<(f64, f64, f64)>,
    pub(crate) free: Option<Period>,
    pub(crate) sort: Sort,
}

/// `from` and `to` together, or neither.
pub(crate) fn period(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Result<Option<Period>, ApiError> {
    let mut reasons = Reasons::default();
    let period = match (from, to) {
        (None, None) => return Ok(None),
        (Some(from), Some(to)) => reasons.period(("/from", from), ("/to", to)),
        (Some(_), None) => reasons.take("/to", Err("is needed when `from` is given")),
        (None, Some(_)) => reasons.take("/from", Err("is needed when `to` is given")),
    };
    period.map(Some).ok_or_else(|| reasons.into_error())
}

/// `lat`, `lon` and `radiusKm` together, or none.
pub(crate) fn around(
    lat: Option<f64>,
    lon: Option<f64>,
    radius: Option<f64>,
) -> Result<Option<(f64, f64, f64)>, ApiError> {
    if (lat, lon, radius) == (None, None, None) {
        return Ok(None);
    }
    let mut reasons = Reasons::default();
    let mut within = |pointer, given: Option<f64>, (least, most): (f64, f64)| {
        let words = match given {
            Some(given) if (least..=most).contains(&given) => return Some(given),
            Some(_) => format!("must be between {least} and {most}"),
            None => "is missing: lat, lon and radiusKm go together".to_owned(),
        };
        reasons.add(pointer, words);
        None
    };
    let lat = within("/lat", lat, (-90.0, 90.0));
    let lon = within("/lon", lon, (-180.0, 180.0));
    let radius = within("/radiusKm", radius, (0.0, 20_000.0));
    match (lat, lon, radius) {
        (Some(lat), Some(lon), Some(radius)) => Ok(Some((lat, lon, radius))),
        _ => Err(reasons.into_error()),
    }
}

/// No live reservation of the car overlaps the period with the branch's turnaround at its end.
pub(crate) fn free_between(period: Period) -> SimpleExpr {
    Expr::cust_with_values(
        "not exists (select 1 from reservation r join branch b on b.id = car.branch_id
            where r.resource_kind = 'car' and r.resource_id = car.id
              and (r.expires_at is null or r.expires_at > now())
              and tstzrange(r.starts_at, r.ends_at)
                  && tstzrange($1, $2 + make_interval(mins => b.turnaround_minutes)))",
        [Value::from(period.start), Value::from(period.end)],
    )
}

/// Haversine over the branches: there are few of them, so no index is needed.
fn near((lat, lon, radius): (f64, f64, f64)) -> SimpleExpr {
    Expr::cust_with_values(
        "car.branch_id in (select id from branch where 12742 * asin(least(1, sqrt(
            power(sin(radians(latitude - $1) / 2), 2)
            + cos(radians($1)) * cos(radians(latitude)) * power(sin(radians(longitude - $2) / 2), 2)))) <= $3)",
        [lat, lon, radius],
    )
}

pub(crate) async fn find(
    db: &DatabaseConnection,
    wanted: &Wanted,
    limit: u64,
    cursor: Option<&str>,
    show: impl Fn(Model) -> Car,
) -> Result<Page<Car>, ApiError> {
    let mut found = Condition::all()
        .add(Column::Status.ne(CarStatus::Retired.as_str()))
        .add_option(wanted.category.map(|category| Column::Category.eq(category.as_str())))
        .add_option(wanted.seats.map(|seats| Column::Seats.gte(seats)))
        .add_option(wanted.fuel_type.map(|fuel| Column::FuelType.eq(fuel.as_str())))
        .add_option(wanted.price.0.map(|price| Column::PricePerDay.gte(price)))
        .add_option(wanted.price.1.map(|price| Column::PricePerDay.lte(price)))
        .add_option(wanted.branch_id.map(|branch| Column::BranchId.eq(branch)))
        .add_option(wanted.around.map(near))
        .add_option(wanted.free.map(free_between));
    if wanted.free.is_some() {
        found = found.add(Column::Status.eq(CarStatus::InService.as_str()));
    }
    if !wanted.features.is_empty() {
        found = found.add(Expr::cust_with_values("features @> $1", [wanted.features.clone()]));
    }
    let list = match wanted.sort {
        Sort::Newest => "cars",
        Sort::Price => "cars by price",
        Sort::PriceDescending => "cars by price, falling",
    };
    let newest = async |at: Option<Cursor>| {
        let query = Entity::find().filter(found.clone().add_option(at.map(|at| after("(created_at, id) <", at))));
        let rows = query.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id).limit(limit + 1).all(db).await?;
        Ok(Page::cut(list, rows, limit, |car: &Model| Cursor { at: car.created_at, id: car.id }, &show))
    };
    let by_price = async |at: Option<Cursor<i64>>, behind, order: Order| {
        let query = Entity::find().filter(found.clone().add_option(at.map(|at| after(behind, at))));
        let query = query.order_by(Column::PricePerDay, order.clone()).order_by(Column::Id, order);
        let rows = query.limit(limit + 1).all(db).await?;
        Ok(Page::cut(list, rows, limit, |car: &Model| Cursor { at: car.price_per_day, id: car.id }, &show))
    };
    match wanted.sort {
        Sort::Newest => newest(Cursor::read(list, cursor)?).await,
        Sort::Price => by_price(Cursor::read(list, cursor)?, "(price_per_day, id) >", Order::Asc).await,
        Sort::PriceDescending => by_price(Cursor::read(list, cursor)?, "(price_per_day, id) <", Order::Desc).await,
    }
}

/// The rows behind the cursor's place, which stays where it is when that row changes or goes.
fn after<K: Into<Value>>(behind: &str, cursor: Cursor<K>) -> SimpleExpr {
    Expr::cust_with_values(format!("{behind} ($1, $2)"), [cursor.at.into(), Value::from(cursor.id)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_refused_where_it_is_wrong() {
        let wrong = |lat, lon, radius| -> Vec<String> {
            around(lat, lon, radius).unwrap_err().errors.into_iter().map(|reason| reason.pointer).collect()
        };
        assert_eq!(wrong(Some(1_000.0), Some(13.4), Some(5.0)), ["/lat"]);
        assert_eq!(wrong(None, Some(-181.0), Some(f64::NAN)), ["/lat", "/lon", "/radiusKm"]);
        assert_eq!(around(Some(52.5), Some(13.4), Some(5.0)).ok(), Some(Some((52.5, 13.4, 5.0))));
        assert_eq!(around(None, None, None).ok(), Some(None));
    }
}
