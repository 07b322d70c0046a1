//! What can be given away: cars with their free time, as those who wait see it.

mod bookable;

use std::{cmp::Reverse, collections::HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rules::{
    money::{Currency, Money},
    period::Period,
    pricing::{self, Quote},
    waitlist::{Answer, Fit, Gap, Moment, Terms, Whereabouts, Wish, answer, gaps},
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, Value, prelude::Uuid};

pub use self::bookable::{Bookable, Wanted};
use crate::{branch, car, waitlist_entry};

/// A car and what is free of it.
pub struct Supply {
    pub car: car::Model,
    pub branch: branch::Model,
    pub gaps: Vec<Gap>,
    pub moment: Moment,
    /// The cheapest daily price of each class at the branch, in the car's currency.
    class_prices: HashMap<String, i64>,
}

const BUSY: &str = "
    select resource_id as car_id, starts_at, ends_at from reservation
    where resource_kind = 'car' and resource_id = any($1) and ends_at > clock_timestamp()
      and (expires_at is null or expires_at > clock_timestamp()) and ($2 or purpose <> 'offer')
    order by starts_at";

const WHEREABOUTS: &str = "
    select c.id as car_id,
           exists (select from booking b where b.car_id = c.id and b.status = 'Active') as is_out,
           exists (select from booking b where b.car_id = c.id and b.status = 'Active' and b.ends_at <= clock_timestamp()) as overdue,
           (select max(r.due_at) from uncleared_return r where r.car_id = c.id) as uncleared_until
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

async fn rows<R: FromQueryResult>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<R>, DbErr> {
    R::find_by_statement(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).all(db).await
}

/// The database's clock, which may have gone on while a lock was waited for.
///
/// # Errors
/// When the database does not answer.
pub async fn clock(db: &impl ConnectionTrait) -> Result<DateTime<Utc>, DbErr> {
    let now = Statement::from_string(DbBackend::Postgres, "select clock_timestamp()");
    let row = db.query_one_raw(now).await?.ok_or_else(|| DbErr::RecordNotFound("the clock".to_owned()))?;
    row.try_get_by_index(0)
}

/// A row holds what nobody can read.
fn unreadable(error: impl std::fmt::Display) -> DbErr {
    DbErr::Type(error.to_string())
}

impl Supply {
    /// The free time of cars that stand at one branch, in three queries however many they are.
    ///
    /// # Errors
    /// When the database does not answer or holds what nobody can read.
    pub async fn of(
        db: &impl ConnectionTrait,
        cars: Vec<car::Model>,
        branch: &branch::Model,
        terms: Terms,
    ) -> Result<Vec<Self>, DbErr> {
        Self::load(db, cars, branch, terms, true).await
    }

    /// The same as it would be if nobody were thinking about an offer.
    ///
    /// # Errors
    /// As [`Supply::of`].
    pub async fn without_holds(
        db: &impl ConnectionTrait,
        cars: Vec<car::Model>,
        branch: &branch::Model,
        terms: Terms,
    ) -> Result<Vec<Self>, DbErr> {
        Self::load(db, cars, branch, terms, false).await
    }

    async fn load(
        db: &impl ConnectionTrait,
        cars: Vec<car::Model>,
        branch: &branch::Model,
        terms: Terms,
        holds: bool,
    ) -> Result<Vec<Self>, DbErr> {
        let ids: Vec<Uuid> = cars.iter().map(|car| car.id).collect();
        let now = clock(db).await?;
        let mut busy: HashMap<Uuid, Vec<Period>> = HashMap::new();
        for taken in rows::<Busy>(db, BUSY, [ids.clone().into(), holds.into()]).await? {
            busy.entry(taken.car_id)
                .or_default()
                .push(Period::new(taken.starts_at, taken.ends_at).map_err(unreadable)?);
        }
        let places = rows::<Where>(db, WHEREABOUTS, [ids.into()]).await?;
        let places: HashMap<Uuid, Whereabouts> = places.into_iter().map(|row| (row.car_id, row.into())).collect();
        let prices = rows::<ClassPrice>(db, CLASS_PRICES, [branch.id.into()]).await?;
        let moment = moment(branch, now, terms)?;

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
    pub fn is_open(&self) -> bool {
        let paused = self.car.waitlist_paused_at.or(self.branch.waitlist_paused_at);
        self.car.status.0.is_rentable() && paused.is_none()
    }

    /// What an entry would pay: the car's own price, or that of the class it waits for, whichever is less.
    ///
    /// The price of a class is that of its cheapest car at the branch.
    ///
    /// # Errors
    /// When the car has a currency that is none, or a price beyond all bounds.
    pub fn quote(&self, entry: &waitlist_entry::Model, period: Period) -> Result<Quote, DbErr> {
        let currency = Currency::new(&self.car.currency).map_err(unreadable)?;
        let price = Money { amount: self.price_per_day(entry), currency };
        pricing::quote(&pricing::Facts::usual(period, self.moment.zone, price)).map_err(unreadable)
    }

    /// Whether an entry would pay less than the car costs otherwise.
    pub fn is_gift(&self, entry: &waitlist_entry::Model) -> bool {
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

fn moment(branch: &branch::Model, now: DateTime<Utc>, terms: Terms) -> Result<Moment, DbErr> {
    Ok(Moment {
        now,
        zone: branch.time_zone.parse::<Tz>().map_err(unreadable)?,
        turnaround_minutes: u32::try_from(branch.turnaround_minutes).unwrap_or_default(),
        terms,
    })
}

impl From<Where> for Whereabouts {
    fn from(row: Where) -> Self {
        Self { out: row.is_out, overdue: row.overdue, uncleared_until: row.uncleared_until }
    }
}

/// The gap that serves a wish best: with time to think, exact, long, near.
pub fn best(entry: &waitlist_entry::Model, gaps: &[Gap], supply: &Supply) -> Option<(Gap, Answer)> {
    let wish = entry.wish(supply.moment.zone)?;
    let answers = gaps.iter().filter_map(|gap| Some((*gap, answer(&wish, gap, &supply.moment)?)));
    answers.min_by_key(|(_, answer)| {
        let (hurried, fit) = match answer {
            Answer::Offer { fit, .. } => (false, fit),
            Answer::FinalCall(fit) => (true, fit),
        };
        (hurried, !fit.exact, Reverse(fit.period.length()), distance(&wish, fit))
    })
}

/// How far the start is from the wished one.
fn distance(wish: &Wish, fit: &Fit) -> TimeDelta {
    match wish {
        Wish::Window { period, .. } => (fit.period.start - period.start).abs(),
        Wish::Asap { latest_start, .. } => fit.period.start - *latest_start,
    }
}
