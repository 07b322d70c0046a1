//! Who waits for a car, in the order in which they are asked.

use chrono::{DateTime, TimeDelta, Utc};
use entity::waitlist_entry;
use rules::waitlist::Gap;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, Statement, Value};

use super::supply::{Supply, lesser};

/// Entries in one look at the queue.
pub(super) const PAGE: usize = 200;

/// Those whom some gap can serve, by the index: what cannot fit is not read. A gap is given by its
/// start, its end without the turnaround, and its length in minutes.
///
/// `offset 0` keeps the planner from joining the classes by hash, which would read every class of the branch.
/// `$1` car, `$2` branch, `$3` its class and the lesser ones, `$4`–`$6` gaps, `$7` and `$8` the place to go on behind.
pub const SQL: &str = "
    select distinct on (e.priority, e.seq) e.*
    from unnest($4::timestamptz[], $5::timestamptz[], $6::integer[]) as gap(starts_at, ends_at, minutes),
    lateral (
        select one.* from waitlist_entry one
        where one.state = 'waiting' and one.car_id = $1 and one.latest_start >= gap.starts_at
          and one.earliest_end <= gap.ends_at and one.least_minutes <= gap.minutes
        union all
        select one.* from unnest($3::text[]) as class(name), lateral (
            select any_of.* from waitlist_entry any_of
            where any_of.state = 'waiting' and any_of.car_id is null
              and any_of.branch_id = $2 and any_of.category = class.name and any_of.latest_start >= gap.starts_at
              and any_of.earliest_end <= gap.ends_at and any_of.least_minutes <= gap.minutes
            offset 0
        ) one
        where class.name = ($3::text[])[1] or one.or_better
    ) e
    where (-e.priority, e.seq) > ($7, $8)
    order by e.priority desc, e.seq
    limit $9";

/// A place in the queue as the database compares it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    priority: i64,
    seq: i64,
}

impl Behind {
    pub(super) const NOBODY: Self = Self { priority: i64::MIN, seq: i64::MIN };

    pub(super) fn of(entry: &waitlist_entry::Model) -> Self {
        Self { priority: -i64::from(entry.priority), seq: entry.seq }
    }
}

/// The next in the queue behind a place whom one of the gaps can serve.
pub(super) async fn next(
    db: &impl ConnectionTrait,
    supply: &Supply,
    gaps: &[Gap],
    behind: Behind,
) -> Result<Vec<waitlist_entry::Model>, DbErr> {
    let turnaround = TimeDelta::minutes(supply.moment.turnaround_minutes.into());
    let starts: Vec<DateTime<Utc>> = gaps.iter().map(|gap| gap.period.start).collect();
    let ends: Vec<DateTime<Utc>> = gaps.iter().map(|gap| gap.period.end - turnaround).collect();
    let minutes = gaps.iter().map(|gap| (gap.period.length() - turnaround).num_minutes());
    let minutes: Vec<i32> = minutes.map(|minutes| i32::try_from(minutes).unwrap_or(i32::MAX)).collect();
    let class = supply.car.category.0;
    let classes: Vec<String> = std::iter::once(class).chain(lesser(class)).map(|class| class.to_string()).collect();
    let values: [Value; 9] = [
        supply.car.id.into(),
        supply.branch.id.into(),
        classes.into(),
        starts.into(),
        ends.into(),
        minutes.into(),
        behind.priority.into(),
        behind.seq.into(),
        i64::try_from(PAGE).unwrap_or(i64::MAX).into(),
    ];
    let query = Statement::from_sql_and_values(DbBackend::Postgres, SQL, values);
    waitlist_entry::Entity::find().from_raw_sql(query).all(db).await
}
