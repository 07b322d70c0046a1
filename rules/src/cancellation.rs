//! What a customer gets back who does not drive.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::money::{Money, MoneyRefused};
use crate::period::Period;

/// The rule a booking was made under; a later policy does not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Stored on the booking.
    pub version: i32,
    /// Free until so long before the start.
    pub notice: TimeDelta,
    /// Free for so long after booking, also when the start is near.
    pub second_thoughts: TimeDelta,
    /// Rentals up to so many days lose half a day instead of one.
    pub short_days: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { version: 1, notice: TimeDelta::hours(24), second_thoughts: TimeDelta::hours(1), short_days: 2 }
    }
}

/// What the refund depends on. A change of dates does not move `closed_at`.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    pub now: DateTime<Utc>,
    /// When it was booked for so near a start, or changed to it: see [`near_since`].
    pub booked_at: DateTime<Utc>,
    /// The end of free cancellation, when it had come before the dates were changed.
    pub closed_at: Option<DateTime<Utc>>,
    pub period: Period,
    /// What was paid, or is owed, for the whole rental.
    pub total: Money,
    /// Rental days of the quote.
    pub days: i64,
    /// What one of them costs.
    pub day: Money,
    /// What a cancellation cost before the dates were changed, when it was free no longer.
    pub closed_fee: Option<Money>,
    /// Nobody came, and nobody called.
    pub no_show: bool,
    /// The house has no car for the customer.
    pub house_fault: bool,
}

/// How `total` is parted: `fee` stays, `refund` goes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refund {
    pub fee: Money,
    pub refund: Money,
    /// Why, in words for the customer.
    pub rule: String,
    pub policy_version: i32,
}

/// The end of free cancellation: told in the confirmation, exclusive.
///
/// The later of the two limits, so that who books 24 ½ hours ahead has no less
/// time to think again than who books for tonight.
pub fn free_until(policy: &Policy, booked_at: DateTime<Utc>, start: DateTime<Utc>) -> DateTime<Utc> {
    (start - policy.notice).max(booked_at + policy.second_thoughts).min(start)
}

/// What a change of dates leaves of the time to cancel freely: it stays over when it
/// was over, or moving a rental ahead would be the way out of every fee. While it is
/// open it follows the dates, as a cancellation and a new booking would.
pub fn closed_after(policy: &Policy, facts: &Facts) -> Option<DateTime<Utc>> {
    let until = ends_free(policy, facts);
    (facts.now >= until).then_some(until)
}

/// When a change brought the start so near that its distance leaves no time to cancel freely: the hour to think again begins
/// then, as it does for who books for tonight. `None` when the start was as near before, or is far.
pub fn near_since(policy: &Policy, facts: &Facts, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let is_far = |start: DateTime<Utc>| facts.now < start - policy.notice;
    (is_far(facts.period.start) && !is_far(start)).then_some(facts.now)
}

/// What a cancellation costs at least after a change of dates: what it cost before, once it was free no longer. A long
/// rental that is made short first would lose less otherwise.
pub fn closed_fee(policy: &Policy, facts: &Facts) -> Result<Option<Money>, MoneyRefused> {
    closed_after(policy, facts).map(|_| Ok(fee(policy, facts)?.0)).transpose()
}

/// Whether a booking of this price can still cost that fee: changed to a cheap car first, a dear one would cost less.
pub fn bears(total: Money, fee: Money) -> bool {
    total.currency == fee.currency && total.amount >= fee.amount
}

/// The end of free cancellation, whatever was changed since.
pub fn ends_free(policy: &Policy, facts: &Facts) -> DateTime<Utc> {
    let until = free_until(policy, facts.booked_at, facts.period.start);
    facts.closed_at.map_or(until, |closed| until.min(closed))
}

/// What is kept and what goes back; never more than was paid.
pub fn refund(policy: &Policy, facts: &Facts) -> Result<Refund, MoneyRefused> {
    let (fee, rule) = fee(policy, facts)?;
    Ok(Refund { fee, refund: facts.total.minus(fee)?, rule: rule.to_owned(), policy_version: policy.version })
}

fn fee(policy: &Policy, facts: &Facts) -> Result<(Money, &'static str), MoneyRefused> {
    if facts.house_fault {
        return Ok((Money::zero(facts.total.currency), "We had no car for you: everything is refunded."));
    }
    let (fee, rule) = fee_by_time(policy, facts)?;
    let kept = facts.closed_fee.filter(|kept| kept.currency == fee.currency && kept.amount > fee.amount);
    Ok(match kept {
        Some(kept) => {
            let amount = kept.amount.min(facts.total.amount);
            (Money { amount, ..kept }, "Cancelled late: it costs what it cost before the booking was changed.")
        }
        None => (fee, rule),
    })
}

fn fee_by_time(policy: &Policy, facts: &Facts) -> Result<(Money, &'static str), MoneyRefused> {
    let day = Money { amount: facts.day.amount.min(facts.total.amount), ..facts.total };
    let half_day = day.portion(1, 2)?;
    let free_until = ends_free(policy, facts);

    Ok(match facts {
        Facts { no_show: true, .. } => (day, "The car was not picked up: one day is charged."),
        Facts { now, period, .. } if *now >= period.end => (facts.total, "The rental is over: nothing is refunded."),
        Facts { now, period, .. } if *now >= period.start => (day, "Cancelled after the start: one day is charged."),
        Facts { now, .. } if *now < free_until => {
            (Money::zero(facts.total.currency), "Cancelled in time: everything is refunded.")
        }
        Facts { days, .. } if *days <= policy.short_days => (half_day, "Cancelled late: half a day is charged."),
        _ => (day, "Cancelled late: one day is charged."),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::Currency;
    use crate::period::tests::{any_period, at, period};

    fn facts(now: &str, days: i64) -> Facts {
        let start = at("2026-05-10T10:00");
        Facts {
            now: at(now),
            booked_at: at("2026-05-01T10:00"),
            closed_at: None,
            period: Period::new(start, start + TimeDelta::days(days)).unwrap(),
            total: Money::new(6_000 * days, Currency::EUR),
            days,
            day: Money::new(6_000, Currency::EUR),
            closed_fee: None,
            no_show: false,
            house_fault: false,
        }
    }

    fn fee_of(facts: Facts) -> i64 {
        refund(&Policy::default(), &facts).unwrap().fee.amount
    }

    #[test]
    fn a_day_before_the_start_it_is_free_and_a_minute_later_it_is_not() {
        assert_eq!(fee_of(facts("2026-05-09T09:59", 3)), 0);
        assert_eq!(fee_of(facts("2026-05-09T10:00", 3)), 6_000);
    }

    #[test]
    fn a_short_rental_loses_half_a_day() {
        assert_eq!(fee_of(facts("2026-05-10T09:00", 2)), 3_000);
        assert_eq!(fee_of(facts("2026-05-10T09:00", 1)), 3_000);
    }

    #[test]
    fn who_books_for_tonight_has_an_hour_to_think_again() {
        let booked_at = at("2026-05-10T05:00");
        assert_eq!(fee_of(Facts { booked_at, ..facts("2026-05-10T05:59", 1) }), 0);
        assert_eq!(fee_of(Facts { booked_at, ..facts("2026-05-10T06:00", 1) }), 3_000);
    }

    #[test]
    fn no_refund_of_the_day_once_the_rental_should_have_started() {
        assert_eq!(fee_of(facts("2026-05-10T10:00", 1)), 6_000);
        assert_eq!(fee_of(Facts { no_show: true, ..facts("2026-05-10T12:00", 3) }), 6_000);
        assert_eq!(fee_of(facts("2026-05-13T10:00", 3)), 18_000);
    }

    #[test]
    fn the_hour_to_think_again_ends_with_the_start() {
        let rental = period("2026-05-10T10:00", "2026-05-11T10:00");
        let until = free_until(&Policy::default(), at("2026-05-10T09:30"), rental.start);
        assert_eq!(until, rental.start);
    }

    #[test]
    fn moving_the_dates_ahead_does_not_open_the_window_again() {
        let too_late = facts("2026-05-10T09:00", 3);
        let closed_at = closed_after(&Policy::default(), &too_late);
        assert_eq!(closed_at, Some(at("2026-05-09T10:00")));

        let next_month = period("2026-06-10T10:00", "2026-06-13T10:00");
        assert_eq!(fee_of(Facts { closed_at, period: next_month, ..too_late }), 6_000);
        let in_time = facts("2026-05-09T09:00", 3);
        assert_eq!(closed_after(&Policy::default(), &in_time), None);
        assert_eq!(fee_of(Facts { period: next_month, ..in_time }), 0);
    }

    #[test]
    fn a_start_brought_near_leaves_an_hour_to_think_again_and_only_once() {
        let (policy, far) = (Policy::default(), facts("2026-05-08T10:00", 3));
        let tonight = period("2026-05-08T14:00", "2026-05-11T10:00");
        let since = near_since(&policy, &far, tonight.start);
        assert_eq!(since, Some(far.now));
        let near = |now: &str| Facts { period: tonight, booked_at: far.now, ..facts(now, 3) };
        assert_eq!((fee_of(near("2026-05-08T10:59")), fee_of(near("2026-05-08T11:00"))), (0, 6_000));
        assert_eq!(near_since(&policy, &near("2026-05-08T10:59"), at("2026-05-08T15:00")), None);
        assert_eq!(near_since(&policy, &far, at("2026-05-09T10:01")), None);
    }

    #[test]
    fn a_fee_is_borne_by_as_much_of_the_same_currency() {
        let eur = |amount| Money::new(amount, Currency::EUR);
        assert!(bears(eur(6_000), eur(6_000)) && !bears(eur(5_999), eur(6_000)));
        assert!(!bears(Money::new(6_000, Currency::new("JPY").unwrap()), eur(6_000)));
    }

    #[test]
    fn a_rental_made_short_when_it_is_too_late_costs_no_less() {
        let long = facts("2026-05-10T09:00", 10);
        let closed_fee = closed_fee(&Policy::default(), &long).unwrap();
        assert_eq!(closed_fee, Some(Money::new(6_000, Currency::EUR)));
        assert_eq!(fee_of(facts("2026-05-10T09:00", 1)), 3_000);
        assert_eq!(fee_of(Facts { closed_fee, ..facts("2026-05-10T09:00", 1) }), 6_000);
        let in_time = super::closed_fee(&Policy::default(), &facts("2026-05-08T10:00", 10)).unwrap();
        assert_eq!(in_time, None);
    }

    #[test]
    fn whoever_gets_no_car_from_the_house_pays_nothing() {
        let closed_fee = Some(Money::new(6_000, Currency::EUR));
        for now in ["2026-05-10T09:00", "2026-05-10T12:00", "2026-05-14T10:00"] {
            assert_eq!(fee_of(Facts { house_fault: true, closed_fee, ..facts(now, 3) }), 0, "{now}");
        }
    }

    proptest! {
        #[test]
        fn a_refund_is_never_negative_nor_more_than_was_paid(
            rental in any_period(), amount in 0i64..10_000_000, days in -1i64..60,
            booked in 0i64..100_000, now in -100_000i64..100_000, no_show: bool,
            day in 0i64..10_000_000, closed_fee in proptest::option::of(0i64..10_000_000), house_fault: bool,
        ) {
            let facts = Facts {
                now: rental.start + TimeDelta::minutes(now),
                booked_at: rental.start - TimeDelta::minutes(booked),
                closed_at: None,
                period: rental,
                total: Money::new(amount, Currency::EUR),
                days,
                day: Money::new(day, Currency::EUR),
                closed_fee: closed_fee.map(|fee| Money::new(fee, Currency::EUR)),
                no_show,
                house_fault,
            };
            let parted = refund(&Policy::default(), &facts).unwrap();
            prop_assert!((0..=amount).contains(&parted.refund.amount));
            prop_assert_eq!(parted.fee.plus(parted.refund).unwrap(), facts.total);
        }

        #[test]
        fn waiting_never_makes_a_cancellation_cheaper(
            rental in any_period(), days in 1i64..30, booked in 0i64..100_000, a in -9_000i64..90_000, b in -9_000i64..90_000,
        ) {
            let fee_at = |minutes: i64| fee_of(Facts {
                now: rental.start + TimeDelta::minutes(minutes),
                booked_at: rental.start - TimeDelta::minutes(booked),
                closed_at: None,
                period: rental,
                total: Money::new(60_000, Currency::EUR),
                days,
                day: Money::new(60_000 / days, Currency::EUR),
                closed_fee: None,
                no_show: false,
                house_fault: false,
            });
            prop_assert!(fee_at(a.min(b)) <= fee_at(a.max(b)));
        }
    }
}
