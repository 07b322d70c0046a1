//! A booking as it begins, whoever asked for it.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
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

use crate::{Work, reservation};

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
            starts_at: self.period.start,
            ends_at: self.period.end,
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
            closed_fee: None,
            near_since: None,
            house_fault: false,
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

/// A booking that is to be, and the time that it keeps its car busy, turnaround included.
pub(crate) type Wanted = (booking::Model, Period);

/// In one statement, because each costs a way to the database and back while cars are locked.
async fn book_free(tx: &impl ConnectionTrait, wanted: &[&Wanted]) -> Result<HashSet<Uuid>, DbErr> {
    let sql = format!(
        "with wanted as (
             select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
             as wanted(reservation_id, busy_from, busy_until,
                       booking_id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status, quote,
                       total, currency, plate, policy_version, version, created_at, updated_at)
         ), taken as ({})
         insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status, quote,
                              total, currency, plate, policy_version, version, created_at, updated_at)
         select booking_id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status, quote::json,
                total, currency, plate, policy_version, version, created_at, updated_at
         from wanted join taken using (booking_id)
         returning id",
        reservation::taking("wanted")
    );
    let values = [
        column(wanted, |_| Uuid::now_v7()),
        column(wanted, |(_, busy)| busy.start),
        column(wanted, |(_, busy)| busy.end),
        column(wanted, |(one, _)| one.id),
        column(wanted, |(one, _)| one.number.clone()),
        column(wanted, |(one, _)| one.car_id),
        column(wanted, |(one, _)| one.customer_id),
        column(wanted, |(one, _)| one.branch_id),
        column(wanted, |(one, _)| one.starts_at),
        column(wanted, |(one, _)| one.ends_at),
        column(wanted, |(one, _)| one.time_zone.clone()),
        column(wanted, |(one, _)| one.status.0.as_str().to_owned()),
        column(wanted, |(one, _)| serde_json::to_string(&one.quote).expect("a quote is plain data")),
        column(wanted, |(one, _)| one.total),
        column(wanted, |(one, _)| one.currency.clone()),
        column(wanted, |(one, _)| one.plate.clone()),
        column(wanted, |(one, _)| one.policy_version),
        column(wanted, |(one, _)| one.version),
        column(wanted, |(one, _)| one.created_at),
        column(wanted, |(one, _)| one.updated_at),
    ];
    let written = tx.query_all_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    written.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// Writes bookings as they begin, with their cars' time, where nobody else has it; expired holds are nobody's. Tells which these
/// are: of those that want the same, the first.
///
/// # Errors
/// When the database fails or refuses one of them.
pub(crate) async fn book_all(tx: &impl ConnectionTrait, wanted: &[Wanted]) -> Result<HashSet<Uuid>, DbErr> {
    let mut booked = book_free(tx, &wanted.iter().collect::<Vec<_>>()).await?;
    if booked.len() < wanted.len() {
        let rest: Vec<&Wanted> = wanted.iter().filter(|(one, _)| !booked.contains(&one.id)).collect();
        let times: Vec<_> = rest.iter().map(|(one, busy)| (one.car_id, *busy)).collect();
        if reservation::drop_expired(tx, &times).await? > 0 {
            booked.extend(book_free(tx, &rest).await?);
        }
    }
    Ok(booked)
}

/// As [`book_all`] with one booking; `None`: somebody else has the car then.
///
/// # Errors
/// As [`book_all`].
pub(crate) async fn book(tx: &impl ConnectionTrait, wanted: Wanted) -> Result<Option<booking::Model>, DbErr> {
    let wanted = [wanted];
    let booked = !book_all(tx, &wanted).await?.is_empty();
    let [(booking, _)] = wanted;
    Ok(booked.then_some(booking))
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
