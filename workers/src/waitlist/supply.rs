//! What can be given away: cars with their free time.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{branch, car, waitlist_entry};
use rules::{
    car::Category,
    money::{Currency, Money},
    period::Period,
    pricing::{self, Quote},
    waitlist::{Gap, Moment, Terms, Whereabouts, gaps},
};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, FromQueryResult, QuerySelect, Statement,
    Value, sea_query::LockType,
};
use uuid::Uuid;

use crate::JobError;

/// A car and what is free of it.
pub(super) struct Supply {
    pub(super) car: car::Model,
    pub(super) branch: branch::Model,
    pub(super) gaps: Vec<Gap>,
    pub(super) moment: Moment,
    /// The cheapest daily price of each class at the branch, in the car's currency.
    class_prices: HashMap<String, i64>,
}

const BUSY: &str = "
    select resource_id as car_id, starts_at, ends_at from reservation
    where resource_kind = 'car' and resource_id = any($1) and ends_at > clock_timestamp()
      and (expires_at is null or expires_at > clock_timestamp())
    order by starts_at";

const WHEREABOUTS: &str = "
    select c.id as car_id,
           exists (select from booking b where b.car_id = c.id and b.status = 'Active') as is_out,
           exists (select from booking b where b.car_id = c.id and b.status = 'Active' and b.ends_at <= clock_timestamp()) as overdue,
           (select max(coalesce(r.decision_due_at, r.returned_at)) from rental_return r
            where r.car_id = c.id and r.returned_at is not null and r.released_at is null and r.state <> 'decided') as uncleared_until
    from car c where c.id = any($1)";

const CLASS_PRICES: &str = "
    select category, currency, min(price_per_day) as price from car
    where branch_id = $1 and status <> 'retired' group by category, currency";

#[derive(FromQueryResult)]
struct Busy {
    car_id: Uuid,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

#[derive(FromQueryResult)]
struct Where {
    car_id: Uuid,
    is_out: bool,
    overdue: bool,
    uncleared_until: Option<DateTime<Utc>>,
}

#[derive(FromQueryResult)]
struct ClassPrice {
    category: String,
    currency: String,
    price: i64,
}

async fn rows<R: FromQueryResult>(db: &impl ConnectionTrait, sql: &str, value: Value) -> Result<Vec<R>, DbErr> {
    R::find_by_statement(Statement::from_sql_and_values(DbBackend::Postgres, sql, [value])).all(db).await
}

/// The database's clock, which may have gone on while a lock was waited for.
pub(super) async fn clock(db: &impl ConnectionTrait) -> Result<DateTime<Utc>, DbErr> {
    let now = Statement::from_string(DbBackend::Postgres, "select clock_timestamp()");
    let row = db.query_one_raw(now).await?.ok_or_else(|| DbErr::RecordNotFound("the clock".to_owned()))?;
    row.try_get_by_index(0)
}

/// Waits until nobody else makes offers at this branch. The bookings that refer to it go on meanwhile.
pub(super) async fn lock_branch(tx: &DatabaseTransaction, id: Uuid) -> Result<Option<branch::Model>, DbErr> {
    branch::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await
}

impl Supply {
    /// Locks a car, then its branch, and looks at what is free.
    pub(super) async fn lock(tx: &DatabaseTransaction, car: Uuid) -> Result<Option<Self>, JobError> {
        let Some(car) = car::Entity::find_by_id(car).lock_exclusive().one(tx).await? else { return Ok(None) };
        let Some(branch) = lock_branch(tx, car.branch_id).await? else { return Ok(None) };
        Ok(Self::of(tx, vec![car], &branch).await?.pop())
    }

    /// The free time of cars that stand at one branch, in two queries however many they are.
    pub(super) async fn of(
        db: &impl ConnectionTrait,
        cars: Vec<car::Model>,
        branch: &branch::Model,
    ) -> Result<Vec<Self>, JobError> {
        let ids: Vec<Uuid> = cars.iter().map(|car| car.id).collect();
        let now = clock(db).await?;
        let mut busy: HashMap<Uuid, Vec<Period>> = HashMap::new();
        for taken in rows::<Busy>(db, BUSY, ids.clone().into()).await? {
            busy.entry(taken.car_id).or_default().push(Period::new(taken.starts_at, taken.ends_at)?);
        }
        let places = rows::<Where>(db, WHEREABOUTS, ids.into()).await?;
        let places: HashMap<Uuid, Whereabouts> = places.into_iter().map(|row| (row.car_id, row.into())).collect();
        let prices = rows::<ClassPrice>(db, CLASS_PRICES, branch.id.into()).await?;
        let moment = moment(branch, now)?;

        let supplies = cars.into_iter().map(|car| {
            let busy = busy.get(&car.id).map(Vec::as_slice).unwrap_or_default();
            let whereabouts = places.get(&car.id).copied().unwrap_or_default();
            let same = prices.iter().filter(|price| price.currency == car.currency);
            Self {
                gaps: gaps(busy, whereabouts, now, moment.turnaround_minutes),
                branch: branch.clone(),
                moment,
                class_prices: same.map(|price| (price.category.clone(), price.price)).collect(),
                car,
            }
        });
        Ok(supplies.collect())
    }

    /// Whether its time is given away at all at present (W16, W17).
    pub(super) fn is_open(&self) -> bool {
        let paused = self.car.waitlist_paused_at.or(self.branch.waitlist_paused_at);
        self.car.status.0.is_rentable() && paused.is_none()
    }

    /// What an entry would pay: the car's own price, or that of the class it waits for, whichever is less.
    ///
    /// The price of a class is that of its cheapest car at the branch.
    pub(super) fn quote(&self, entry: &waitlist_entry::Model, period: Period) -> Result<Quote, JobError> {
        let price = Money { amount: self.price_per_day(entry), currency: Currency::new(&self.car.currency)? };
        Ok(pricing::quote(&pricing::Facts::usual(period, self.moment.zone, price))?)
    }

    /// Whether an entry would pay less than the car costs otherwise.
    pub(super) fn is_gift(&self, entry: &waitlist_entry::Model) -> bool {
        self.price_per_day(entry) < self.car.price_per_day
    }

    fn price_per_day(&self, entry: &waitlist_entry::Model) -> i64 {
        let own = self.car.price_per_day;
        // Within the class every car has its own price.
        let lesser = entry.category.filter(|class| *class != self.car.category);
        let class = lesser.and_then(|class| self.class_prices.get(class.0.as_str()));
        class.map_or(own, |class| own.min(*class))
    }
}

/// The classes whose entries a car of this class serves if they welcome a better one.
pub(super) fn lesser(class: Category) -> impl Iterator<Item = Category> {
    Category::ALL.iter().copied().filter(move |other| *other < class)
}

fn moment(branch: &branch::Model, now: DateTime<Utc>) -> Result<Moment, JobError> {
    Ok(Moment {
        now,
        zone: branch.time_zone.parse::<Tz>()?,
        turnaround_minutes: u32::try_from(branch.turnaround_minutes).unwrap_or_default(),
        terms: Terms::default(),
    })
}

impl From<Where> for Whereabouts {
    fn from(row: Where) -> Self {
        Self { out: row.is_out, overdue: row.overdue, uncleared_until: row.uncleared_until }
    }
}
