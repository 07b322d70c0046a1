//! A booking as it begins, whoever asked for it.

use chrono::{DateTime, SubsecRound, Utc};
use entity::{Quote, booking};
use jobs::{Refusal, ledger::column};
use rules::{
    booking::{BookingNumber, BookingStatus},
    car::CarStatus,
    period::Period,
    problem,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use uuid::Uuid;

use crate::Work;

/// What one booking is told from another by.
pub(crate) struct Fresh<'a> {
    pub(crate) id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) car_id: Uuid,
    pub(crate) plate: &'a str,
    pub(crate) branch_id: Uuid,
    /// The branch's IANA name.
    pub(crate) time_zone: &'a str,
    pub(crate) period: Period,
    pub(crate) quote: Quote,
}

impl Fresh<'_> {
    /// The row, confirmed under today's policy and a number of its own.
    pub(crate) fn row(self, work: &Work, now: DateTime<Utc>) -> booking::Model {
        booking::Model {
            id: self.id,
            // A clash with an older number fails the insert; the retry draws another.
            number: BookingNumber::from_bits(rand::random()).as_str().to_owned(),
            car_id: self.car_id,
            customer_id: self.customer_id,
            branch_id: self.branch_id,
            starts_at: stored(self.period.start),
            ends_at: stored(self.period.end),
            time_zone: self.time_zone.to_owned(),
            status: BookingStatus::Confirmed.into(),
            total: self.quote.0.total.amount,
            currency: self.quote.0.total.currency.as_str().to_owned(),
            quote: self.quote,
            plate: self.plate.to_owned(),
            cancelled_at: None,
            cancel_reason: None,
            cancel_fee: None,
            refund: None,
            policy_version: rules::cancellation::Policy::default().version,
            closed_at: None,
            picked_up_at: None,
            odometer_out_km: None,
            fuel_out: None,
            overdue_at: None,
            returned_at: None,
            odometer_in_km: None,
            fuel_in: None,
            version: 1,
            created_at: work.asked_at(),
            updated_at: now,
        }
    }
}

/// As PostgreSQL keeps it: in microseconds.
fn stored(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

const INSERT: &str = "
insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status, quote, total,
                     currency, plate, policy_version, version, created_at, updated_at)
select id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status, quote::json, total,
       currency, plate, policy_version, version, created_at, updated_at
from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) as asked(
    id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status, quote, total,
    currency, plate, policy_version, version, created_at, updated_at)";

/// Writes bookings as they begin.
///
/// # Errors
/// When the database fails or refuses one of them.
pub(crate) async fn insert(tx: &impl ConnectionTrait, bookings: &[booking::Model]) -> Result<(), DbErr> {
    let values = [
        column(bookings, |one| one.id),
        column(bookings, |one| one.number.clone()),
        column(bookings, |one| one.car_id),
        column(bookings, |one| one.customer_id),
        column(bookings, |one| one.branch_id),
        column(bookings, |one| one.starts_at),
        column(bookings, |one| one.ends_at),
        column(bookings, |one| one.time_zone.clone()),
        column(bookings, |one| one.status.0.as_str().to_owned()),
        column(bookings, |one| serde_json::to_string(&one.quote).expect("a quote is plain data")),
        column(bookings, |one| one.total),
        column(bookings, |one| one.currency.clone()),
        column(bookings, |one| one.plate.clone()),
        column(bookings, |one| one.policy_version),
        column(bookings, |one| one.version),
        column(bookings, |one| one.created_at),
        column(bookings, |one| one.updated_at),
    ];
    tx.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, INSERT, values)).await?;
    Ok(())
}

/// Why this person gets no car, or nobody gets this one, whatever the dates.
pub(crate) fn obstacle(suspended: bool, car: CarStatus) -> Option<Refusal> {
    if suspended {
        let words = "This account is suspended. Please contact the branch.";
        return Some(Refusal::new(problem::SUSPENDED.code, words));
    }
    let words = "This car is not rented out at present.";
    (!car.is_rentable()).then(|| Refusal::new(problem::CAR_NOT_IN_SERVICE.code, words))
}
