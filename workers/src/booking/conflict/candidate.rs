//! Which cars could stand in: looked up without any lock, and each asked about again under it.

use entity::{Word, booking, car};
use rules::{
    booking::{Candidate, choose},
    car::Category,
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, FromQueryResult, Statement};
use uuid::Uuid;

/// Cars that are tried, the best first; with more at hand the last is hardly worse.
const MOST: usize = 8;

/// Cars of the branch that are free for the dates and their turnaround, neither out beyond their time nor back
/// and not cleared.
const QUERY: &str = r"
select c.id, c.category, c.seats, c.price_per_day
from car c join booking b on b.id = $1 join branch on branch.id = b.branch_id
where c.branch_id = b.branch_id and c.id <> b.car_id and c.status = 'in_service' and ($2::uuid is null or c.id = $2)
  and not exists (select 1 from reservation r where r.resource_kind = 'car' and r.resource_id = c.id
                    and (r.expires_at is null or r.expires_at > now())
                    and tstzrange(r.starts_at, r.ends_at)
                        && tstzrange(b.starts_at, b.ends_at + make_interval(mins => branch.turnaround_minutes)))
  and not exists (select 1 from booking late where late.car_id = c.id and late.status = 'Active' and late.ends_at <= now())
  and not exists (select 1 from uncleared_return back where back.car_id = c.id)";

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    category: Word<Category>,
    seats: i16,
    price_per_day: i64,
}

/// The cars that may stand in for that of a booking, the best first.
pub(super) async fn find(db: &impl ConnectionTrait, booking: Uuid) -> Result<Vec<Uuid>, DbErr> {
    let mut chosen = choose_of(db, booking, None).await?;
    chosen.truncate(MOST);
    Ok(chosen)
}

/// Whether this car may still stand in, now that nobody else changes it.
pub(super) async fn fits(tx: &DatabaseTransaction, booking: Uuid, car: Uuid) -> Result<bool, DbErr> {
    Ok(!choose_of(tx, booking, Some(car)).await?.is_empty())
}

/// `only` this car, or any.
async fn choose_of(db: &impl ConnectionTrait, booking: Uuid, only: Option<Uuid>) -> Result<Vec<Uuid>, DbErr> {
    let Some(booking) = booking::Entity::find_by_id(booking).one(db).await? else { return Ok(Vec::new()) };
    let Some(car) = car::Entity::find_by_id(booking.car_id).one(db).await? else { return Ok(Vec::new()) };
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, QUERY, [booking.id.into(), only.into()]);
    let rows = Row::find_by_statement(statement).all(db).await?;
    let candidates: Vec<_> = rows.into_iter().map(Candidate::from).collect();
    Ok(choose(car.category.0, car.seats, &candidates))
}

impl From<Row> for Candidate<Uuid> {
    fn from(row: Row) -> Self {
        Self { id: row.id, category: row.category.0, seats: row.seats, price_per_day: row.price_per_day }
    }
}
