//! A booking as it begins, whoever asked for it.

use chrono::{DateTime, Utc};
use entity::{account, booking, car};
use jobs::Refusal;
use rules::{
    booking::{BookingNumber, BookingStatus},
    money::Money,
    period::Period,
    problem,
};
use sea_orm::ActiveValue::Set;
use uuid::Uuid;

use crate::Work;

/// What one booking is told from another by.
pub(crate) struct Fresh<'a> {
    pub(crate) id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) car: &'a car::Model,
    pub(crate) branch_id: Uuid,
    /// The branch's IANA name.
    pub(crate) time_zone: &'a str,
    pub(crate) period: Period,
    pub(crate) total: Money,
    pub(crate) quote: serde_json::Value,
}

impl Fresh<'_> {
    /// The row, confirmed under today's policy and a number of its own.
    pub(crate) fn row(self, work: &Work, now: DateTime<Utc>) -> booking::ActiveModel {
        // A clash with an older number fails the insert; the retry draws another.
        let number = BookingNumber::from_bits(rand::random());
        booking::ActiveModel {
            id: Set(self.id),
            number: Set(number.as_str().to_owned()),
            car_id: Set(self.car.id),
            customer_id: Set(self.customer_id),
            branch_id: Set(self.branch_id),
            starts_at: Set(self.period.start),
            ends_at: Set(self.period.end),
            time_zone: Set(self.time_zone.to_owned()),
            status: Set(BookingStatus::Confirmed.into()),
            total: Set(self.total.amount),
            currency: Set(self.total.currency.as_str().to_owned()),
            quote: Set(self.quote),
            plate: Set(self.car.plate.clone()),
            policy_version: Set(rules::cancellation::Policy::default().version),
            version: Set(1),
            created_at: Set(work.asked_at()),
            updated_at: Set(now),
            ..Default::default()
        }
    }
}

/// Why this person gets no car, or nobody gets this one, whatever the dates.
pub(crate) fn obstacle(customer: Option<&account::Model>, car: &car::Model) -> Option<Refusal> {
    if customer.is_none_or(|customer| customer.suspended_at.is_some()) {
        let words = "This account is suspended. Please contact the branch.";
        return Some(Refusal::new(problem::SUSPENDED.code, words));
    }
    let words = "This car is not rented out at present.";
    (!car.status.0.is_rentable()).then(|| Refusal::new(problem::CAR_NOT_IN_SERVICE.code, words))
}
