use chrono::{DateTime, Utc};
use thiserror::Error;

use super::Limits;
use crate::period::Period;

/// The car cannot be handed over now.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PickupRefused {
    #[error("the car can be picked up from {opens_at} on")]
    TooEarly { opens_at: DateTime<Utc> },
    #[error("the rental was to end at {ended_at}")]
    TooLate { ended_at: DateTime<Utc> },
}

impl PickupRefused {
    pub fn code(self) -> &'static str {
        match self {
            Self::TooEarly { .. } => "too_early",
            Self::TooLate { .. } => "too_late",
        }
    }
}

/// When a car that is free by then may be handed over at the earliest.
pub fn pickup_opens_at(period: Period, limits: Limits) -> DateTime<Utc> {
    period.start - limits.pickup_early
}

/// Whether the car may be handed over now: within the booked time, and
/// somewhat earlier when nobody else has it (`car_is_free`).
pub fn pickup(now: DateTime<Utc>, period: Period, car_is_free: bool, limits: Limits) -> Result<(), PickupRefused> {
    let opens_at = if car_is_free { pickup_opens_at(period, limits) } else { period.start };
    if now < opens_at {
        Err(PickupRefused::TooEarly { opens_at })
    } else if now >= period.end {
        Err(PickupRefused::TooLate { ended_at: period.end })
    } else {
        Ok(())
    }
}

/// When a car that was not picked up is given to somebody else.
pub fn no_show_at(period: Period, limits: Limits) -> DateTime<Utc> {
    (period.start + limits.no_show_after).min(period.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::tests::{at, period};
    use crate::problem;

    fn answer(now: &str, car_is_free: bool) -> Option<&'static str> {
        let booked = period("2026-05-04T10:00", "2026-05-05T10:00");
        let answer = pickup(at(now), booked, car_is_free, Limits::default());
        answer.err().map(PickupRefused::code)
    }

    #[test]
    fn a_free_car_can_be_had_two_hours_early() {
        assert_eq!(answer("2026-05-04T07:59", true), Some("too_early"));
        assert_eq!(answer("2026-05-04T08:00", true), None);
    }

    #[test]
    fn a_car_somebody_else_has_can_be_had_from_the_start_on() {
        assert_eq!(answer("2026-05-04T09:59", false), Some("too_early"));
        assert_eq!(answer("2026-05-04T10:00", false), None);
    }

    #[test]
    fn both_refusals_are_in_the_registry() {
        assert_eq!(problem::find("too_early"), Some(&problem::TOO_EARLY));
        assert_eq!(answer("2026-05-06T10:00", true).and_then(problem::find), Some(&problem::TOO_LATE));
    }

    #[test]
    fn a_rental_that_is_over_cannot_begin() {
        assert_eq!(answer("2026-05-05T09:59", true), None);
        assert_eq!(answer("2026-05-05T10:00", true), Some("too_late"));
    }

    #[test]
    fn a_car_waits_two_hours_but_not_past_the_end() {
        let limits = Limits::default();
        let day = period("2026-05-04T10:00", "2026-05-05T10:00");
        assert_eq!(no_show_at(day, limits), at("2026-05-04T12:00"));
        let hour = period("2026-05-04T10:00", "2026-05-04T11:00");
        assert_eq!(no_show_at(hour, limits), at("2026-05-04T11:00"));
    }
}
