//! Somebody who waits for time that is taken.

use std::collections::HashMap;

use chrono::TimeDelta;
use chrono_tz::Tz;
use rules::{
    car::Category,
    money::{Currency, Money},
    period::Period,
    waitlist::{EntryState, Missed, Wish},
};
use sea_orm::{DbBackend, Statement, entity::prelude::*};

use crate::{Word, branch, car};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
#[sea_orm(table_name = "waitlist_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The place in the queue, drawn by the database.
    pub seq: i64,
    pub customer_id: Uuid,
    pub car_id: Option<Uuid>,
    pub category: Option<Word<Category>>,
    pub branch_id: Option<Uuid>,
    pub or_better: bool,
    /// `window` or `asap`.
    pub kind: String,
    pub starts_at: Option<DateTimeUtc>,
    pub ends_at: Option<DateTimeUtc>,
    pub flexibility_minutes: i32,
    pub min_days: Option<i32>,
    pub days: Option<i32>,
    pub latest_start: DateTimeUtc,
    pub earliest_end: DateTimeUtc,
    pub least_minutes: i32,
    /// Minor units of `price_cap_currency`.
    pub price_cap: Option<i64>,
    /// That of the wanted cars when the entry was made; set with `price_cap`.
    pub price_cap_currency: Option<String>,
    pub priority: i32,
    pub priority_reason: Option<String>,
    pub state: Word<EntryState>,
    pub missed: i32,
    pub turn: i32,
    pub booking_id: Option<Uuid>,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The wish as the rules know it; days are counted on the wall clock of `zone`.
    ///
    /// `None` only for a row that breaks the table's own checks.
    pub fn wish(&self, zone: Tz) -> Option<Wish> {
        if let Some(days) = self.days {
            return Some(Wish::Asap { days: days.try_into().ok()?, latest_start: self.latest_start, zone });
        }
        Some(Wish::Window {
            period: Period::new(self.starts_at?, self.ends_at?).ok()?,
            flexibility: TimeDelta::minutes(self.flexibility_minutes.into()),
            min_days: self.min_days.map(u32::try_from).transpose().ok()?,
        })
    }

    /// Whether this is the car, or one of the very class at the branch, that is waited for.
    pub fn is_for(&self, car: &car::Model) -> bool {
        match self.car_id {
            Some(id) => id == car.id,
            None => self.category == Some(car.category) && self.branch_id == Some(car.branch_id),
        }
    }

    /// What of the target this car is not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn missed(&self, db: &impl ConnectionTrait, car: &car::Model) -> Result<Missed, DbErr> {
        if self.is_for(car) {
            return Ok(Missed::default());
        }
        let wanted = match self.car_id {
            Some(id) => car::Entity::find_by_id(id).one(db).await?,
            None => None,
        };
        let class = self.category.or(wanted.as_ref().map(|wanted| wanted.category));
        let branch = self.branch_id.or(wanted.as_ref().map(|wanted| wanted.branch_id));
        let branch = match branch.filter(|branch| *branch != car.branch_id) {
            Some(id) => branch::Entity::find_by_id(id).one(db).await?,
            None => None,
        };
        Ok(Missed {
            car: wanted.map(|wanted| format!("{} {}, {}", wanted.make, wanted.model, wanted.plate)),
            class: class.filter(|class| *class != car.category).map(|class| class.0),
            branch: branch.map(|branch| branch.name),
        })
    }

    /// The most that the person wants to pay.
    pub fn cap(&self) -> Option<Money> {
        let currency = Currency::new(self.price_cap_currency.as_deref()?).ok()?;
        Some(Money { amount: self.price_cap?, currency })
    }

    /// Whether a price is above the cap. One in another currency cannot be compared, so it is not what they meant.
    pub fn is_too_dear(&self, price: Money) -> bool {
        self.cap().is_some_and(|cap| price.currency != cap.currency || price.amount > cap.amount)
    }
}

/// For each who waits, the place to show: people ahead who could take the same (some car could serve
/// both, and the times that both could take overlap), and then this one. Somebody who thinks about an
/// offer is still ahead, and whoever waits several times is one person.
///
/// Who is ahead is found by the cars that could serve each, so by an index of those who wait: rows of entries that ended
/// are never read.
pub const POSITIONS: &str = "
    with queue as not materialized (
        select *, tstzrange(coalesce(starts_at - make_interval(mins => flexibility_minutes), now()),
                            coalesce(ends_at + make_interval(mins => flexibility_minutes),
                                     greatest(latest_start, now()) + make_interval(days => days))) as times
        from waitlist_entry where state in ('waiting', 'offered')
    ), own as (
        select * from queue where id = any($1) and state = 'waiting'
    ), served as (
        select own.id, car.id as car_id, car.branch_id, car.category from own join car on car.id = own.car_id
        where car.status <> 'retired'
        union all
        select own.id, car.id, car.branch_id, car.category from own join car on car.branch_id = own.branch_id
            and (car.category = own.category
                 or own.or_better and array_position($2, car.category) > array_position($2, own.category))
        where own.car_id is null and car.status <> 'retired'
    ), person as (
        select id, customer_id from own
        union all
        select own.id, ahead.customer_id from own join served using (id)
        join queue ahead on ahead.car_id = served.car_id
        where (-ahead.priority, ahead.seq) < (-own.priority, own.seq) and ahead.times && own.times
        union all
        select own.id, ahead.customer_id
        from own join (select distinct id, branch_id, category from served) class using (id)
        join queue ahead on ahead.car_id is null and ahead.branch_id = class.branch_id
            and (ahead.category = class.category
                 or ahead.or_better and array_position($2, class.category) > array_position($2, ahead.category))
        where (-ahead.priority, ahead.seq) < (-own.priority, own.seq) and ahead.times && own.times
    )
    select id, count(distinct customer_id) as position from person group by id";

/// The places to show, from 1, of those who wait; others have none.
///
/// # Errors
/// When the database does not answer.
pub async fn positions(db: &impl ConnectionTrait, entries: Vec<Uuid>) -> Result<HashMap<Uuid, i64>, DbErr> {
    let classes: Vec<String> = Category::WORDS.iter().map(|&word| word.to_owned()).collect();
    let query = Statement::from_sql_and_values(DbBackend::Postgres, POSITIONS, [entries.into(), classes.into()]);
    let rows = db.query_all_raw(query).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// The place to show of one entry; `None` for whoever does not wait.
///
/// # Errors
/// When the database does not answer.
pub async fn position(db: &impl ConnectionTrait, entry: &Model) -> Result<Option<i64>, DbErr> {
    Ok(positions(db, vec![entry.id]).await?.remove(&entry.id))
}

/// How many people wait for what this car could serve: the car itself, its class at its branch, or a lower class
/// for those who take a better one.
///
/// # Errors
/// When the database does not answer.
pub async fn waiting_for(db: &impl ConnectionTrait, car: Uuid) -> Result<i64, DbErr> {
    let sql = "select count(distinct entry.customer_id) from waitlist_entry entry, car c
               where c.id = $1 and entry.state = 'waiting' and entry.latest_start > now()
                 and (entry.car_id = c.id or entry.branch_id = c.branch_id and (entry.category = c.category
                      or entry.or_better and array_position($2, c.category) > array_position($2, entry.category)))";
    let classes: Vec<String> = Category::WORDS.iter().map(|&word| word.to_owned()).collect();
    let query = Statement::from_sql_and_values(DbBackend::Postgres, sql, [car.into(), classes.into()]);
    let row = db.query_one_raw(query).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0))
}
