//! What could be had instead of a car that is taken: in one query, however large the fleet.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{booking, branch, car, reservation};
use rules::{car::Category, period::Period};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, Statement,
};
use uuid::Uuid;
use view::{Money, car::Alternative};

/// Other cars that can be booked for the same dates (of the same branch first, then of the same class, then the cheapest
/// in the same currency), and the same car as soon as it is free.
const QUERY: &str = r"
(select c.id, c.make, c.model, c.category, c.branch_id, c.price_per_day, c.currency,
        $2::timestamptz as starts_at, $3::timestamptz as ends_at,
        (c.branch_id = $5)::int * 4 + (c.category = $4)::int * 2 + (c.currency = $6)::int as likeness
 from car c join branch b on b.id = c.branch_id
 where c.id <> $1 and c.status = 'in_service'
   and not exists (select 1 from reservation r where r.resource_kind = 'car' and r.resource_id = c.id
                     and (r.expires_at is null or r.expires_at > now())
                     and tstzrange(r.starts_at, r.ends_at)
                         && tstzrange($2, $3 + make_interval(mins => b.turnaround_minutes)))
 order by likeness desc, c.currency, c.price_per_day, c.id limit 4)
union all
(select c.id, c.make, c.model, c.category, c.branch_id, c.price_per_day, c.currency,
        gap.starts_at, gap.starts_at + ($3 - $2), -1
 from car c join branch b on b.id = c.branch_id, lateral (
     select r.ends_at as starts_at from reservation r
     where r.resource_kind = 'car' and r.resource_id = c.id and r.ends_at > $2
       and not exists (select 1 from reservation s where s.resource_kind = 'car' and s.resource_id = c.id
                         and (s.expires_at is null or s.expires_at > now())
                         and tstzrange(s.starts_at, s.ends_at) && tstzrange(
                             r.ends_at, r.ends_at + ($3 - $2) + make_interval(mins => b.turnaround_minutes)))
     order by r.ends_at limit 1) gap
 where c.id = $1)
order by likeness desc, currency, price_per_day, id";

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    make: String,
    model: String,
    category: entity::Word<Category>,
    branch_id: Uuid,
    price_per_day: i64,
    currency: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

/// At most five alternatives, the likest first.
pub(super) async fn find(tx: &impl ConnectionTrait, car: &car::Model, wish: Period) -> Result<Vec<Alternative>, DbErr> {
    let values = [
        car.id.into(),
        wish.start.into(),
        wish.end.into(),
        car.category.0.as_str().into(),
        car.branch_id.into(),
        car.currency.clone().into(),
    ];
    let rows =
        Row::find_by_statement(Statement::from_sql_and_values(DbBackend::Postgres, QUERY, values)).all(tx).await?;
    Ok(rows.into_iter().map(Alternative::from).collect())
}

/// For somebody on the road only the same car counts: until when it can be kept, if that is any longer.
/// Whoever calls has dropped the booking's own time in this transaction.
pub(super) async fn longer(
    tx: &impl ConnectionTrait,
    car: &car::Model,
    booking: &booking::Model,
    branch: &branch::Model,
    now: DateTime<Utc>,
) -> Result<Vec<Alternative>, DbErr> {
    let next = reservation::Entity::find()
        .filter(reservation::Column::ResourceKind.eq("car"))
        .filter(reservation::Column::ResourceId.eq(car.id))
        .filter(reservation::Column::EndsAt.gt(booking.ends_at))
        .order_by_asc(reservation::Column::StartsAt);
    let turnaround = TimeDelta::minutes(branch.turnaround_minutes.into());
    let end = next.one(tx).await?.map(|next| next.starts_at - turnaround);
    let end = end.filter(|end| *end > booking.ends_at.max(now));
    Ok(end.into_iter().map(|end| kept_until(car, booking, end)).collect())
}

fn kept_until(car: &car::Model, booking: &booking::Model, end: DateTime<Utc>) -> Alternative {
    Alternative {
        car_id: car.id,
        make: car.make.clone(),
        model: car.model.clone(),
        category: car.category.into(),
        branch_id: car.branch_id,
        price_per_day: Money::new(car.price_per_day, &car.currency),
        start_date: booking.starts_at,
        end_date: end,
    }
}

impl From<Row> for Alternative {
    fn from(row: Row) -> Self {
        Self {
            car_id: row.id,
            make: row.make,
            model: row.model,
            category: row.category.into(),
            branch_id: row.branch_id,
            price_per_day: Money::new(row.price_per_day, &row.currency),
            start_date: row.starts_at,
            end_date: row.ends_at,
        }
    }
}
