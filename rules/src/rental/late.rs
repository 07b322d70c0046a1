use chrono::{DateTime, TimeDelta, Utc};

use crate::money::{Money, MoneyRefused};
use crate::pricing::{EXTRA_HOURS, GRACE};

/// By how much a car came back too late, and what that costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lateness {
    /// In time, or within the grace.
    OnTime,
    /// So many started hours at a third of the day's price each.
    Hours(i64),
    /// So many started days.
    Days(i64),
}

/// How late a return is (R7): 29 minutes are free, then a third of a day's
/// price for each started hour up to 2 ½ hours, then a day for each started day.
pub fn lateness(due: DateTime<Utc>, returned_at: DateTime<Utc>) -> Lateness {
    let late = returned_at - due;
    if late <= GRACE {
        Lateness::OnTime
    } else if late <= EXTRA_HOURS {
        Lateness::Hours(started(late, TimeDelta::hours(1)))
    } else {
        Lateness::Days(started(late, TimeDelta::days(1)))
    }
}

impl Lateness {
    /// The charge to propose; a person confirms it.
    pub fn charge(self, price_per_day: Money) -> Result<Money, MoneyRefused> {
        match self {
            Self::OnTime => Ok(Money::zero(price_per_day.currency)),
            Self::Hours(hours) => price_per_day.times(hours)?.portion(1, 3),
            Self::Days(days) => price_per_day.times(days),
        }
    }
}

fn started(late: TimeDelta, unit: TimeDelta) -> i64 {
    late.num_seconds().max(0).div_euclid(unit.num_seconds()) + i64::from(late.num_seconds() % unit.num_seconds() > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::Currency;
    use crate::period::tests::at;

    fn late_by(minutes: i64) -> Lateness {
        let due = at("2026-05-04T10:00");
        lateness(due, due + TimeDelta::minutes(minutes))
    }

    fn charge(lateness: Lateness) -> i64 {
        lateness.charge(Money::new(6_000, Currency::EUR)).unwrap().amount
    }

    #[test]
    fn half_an_hour_less_a_minute_is_free() {
        assert_eq!(late_by(-600), Lateness::OnTime);
        assert_eq!(late_by(29), Lateness::OnTime);
        assert_eq!(late_by(30), Lateness::Hours(1));
    }

    #[test]
    fn two_and_a_half_hours_late_costs_a_day_and_so_does_three() {
        assert_eq!(charge(late_by(60)), 2_000);
        assert_eq!(late_by(150), Lateness::Hours(3));
        assert_eq!(charge(late_by(150)), 6_000);
        assert_eq!(charge(late_by(180)), 6_000);
        assert_eq!(late_by(24 * 60 + 1), Lateness::Days(2));
    }

    proptest! {
        #[test]
        fn coming_later_is_never_cheaper(a in 0i64..10_000, b in 0i64..10_000) {
            let (a, b) = (a.min(b), a.max(b));
            prop_assert!(charge(late_by(a)) <= charge(late_by(b)));
        }
    }
}
