//! What else somebody waits for (W2).

use chrono::TimeDelta;
use entity::{account, waitlist_entry};
use jobs::Refusal;
use rules::{
    account::Email,
    waitlist::{JoinFacts, JoinRefused, join},
};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement};

use super::case::capital;
use crate::JobError;

/// What a person waits for already, however many accounts with one address and `+aliases` they have.
#[derive(FromQueryResult)]
pub(super) struct Others {
    active: i64,
    alike: i64,
}

const PEOPLE: &str = r"
    select id from account where regexp_replace(email, '^([^+@]+)[+][^@]*@', '\1@') = $1
    order by id for no key update";

const OTHERS: &str = r"
    select count(*) as active,
           count(*) filter (where car_id is not distinct from $2 and category is not distinct from $3
               and branch_id is not distinct from $4
               and tstzrange(coalesce(starts_at, created_at), coalesce(ends_at, latest_start + make_interval(days => days)))
                && tstzrange($5, $6)) as alike
    from waitlist_entry
    where state in ('waiting', 'offered', 'blocked') and id <> $7 and customer_id in
          (select id from account where regexp_replace(email, '^([^+@]+)[+][^@]*@', '\1@') = $1)";

impl Others {
    /// Locks the person first: two who join at once under one name wait for each other here.
    pub(super) async fn count(
        tx: &impl ConnectionTrait,
        customer: &account::Model,
        entry: &waitlist_entry::Model,
    ) -> Result<Self, JobError> {
        let person = Email::new(&customer.email).map_or_else(|_| customer.email.clone(), |email| email.comparable());
        let people = Statement::from_sql_and_values(DbBackend::Postgres, PEOPLE, [person.clone().into()]);
        tx.query_all_raw(people).await?;
        let latest_end = |days: i32| entry.latest_start + TimeDelta::days(days.into());
        let ends_at = entry.ends_at.or_else(|| entry.days.map(latest_end)).unwrap_or(entry.latest_start);
        let values = [
            person.into(),
            entry.car_id.into(),
            entry.category.map(|category| category.0.to_string()).into(),
            entry.branch_id.into(),
            entry.starts_at.unwrap_or(entry.created_at).into(),
            ends_at.into(),
            entry.id.into(),
        ];
        let query = Statement::from_sql_and_values(DbBackend::Postgres, OTHERS, values);
        let none = Self { active: 0, alike: 0 };
        Ok(Self::find_by_statement(query).one(tx).await?.unwrap_or(none))
    }

    /// Lets the person wait, or says why not (W2).
    pub(super) fn join(&self, customer: &account::Model, bookable_now: bool) -> Result<(), JoinRefused> {
        join(JoinFacts {
            bookable_now,
            eligible: !customer.is_suspended(),
            waits_already: self.alike > 0,
            active_entries: u32::try_from(self.active).unwrap_or(u32::MAX),
        })
    }
}

/// The reason as the asker is told.
pub(super) fn refusal(refused: JoinRefused) -> Refusal {
    Refusal::new(refused.code(), capital(&refused.to_string()))
}
