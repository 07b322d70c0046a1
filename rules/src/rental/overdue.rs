//! A car that should be back and is not.

use chrono::{DateTime, TimeDelta, Utc};

use crate::booking::BookingStatus;
use crate::period::Period;

/// How long before the end the customer is reminded of it.
pub const REMIND: TimeDelta = TimeDelta::hours(2);

/// How long a car may be overdue before the admins are told.
const ESCALATE: TimeDelta = TimeDelta::hours(24);

/// Whether a car should be back and is not. There is no grace here: who is warned
/// half an hour late cannot help the next customer, and a warning costs nothing.
pub fn is_overdue(status: BookingStatus, due: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    status == BookingStatus::Active && due <= now
}

/// When to remind the customer; never, when that would be with the key.
pub fn remind_at(period: Period) -> Option<DateTime<Utc>> {
    (period.length() > REMIND).then(|| period.end - REMIND)
}

/// When an overdue car becomes the admins' concern.
pub fn escalate_at(due: DateTime<Utc>) -> DateTime<Utc> {
    due + ESCALATE
}

/// Tells the messages about one due time from those about another: an extension brings its own.
pub fn due_turn(due: DateTime<Utc>) -> i32 {
    // Minutes since 1970 last until the year 6053.
    i32::try_from(due.timestamp().div_euclid(60)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::tests::{at, period};

    #[test]
    fn a_car_is_overdue_from_the_minute_it_was_due() {
        let due = at("2026-05-04T10:00");
        assert!(!is_overdue(BookingStatus::Active, due, at("2026-05-04T09:59")));
        assert!(is_overdue(BookingStatus::Active, due, due));
        assert!(!is_overdue(BookingStatus::Returned, due, at("2026-05-05T10:00")));
    }

    #[test]
    fn a_short_rental_needs_no_reminder() {
        assert_eq!(remind_at(period("2026-05-04T08:00", "2026-05-04T10:00")), None);
        assert_eq!(remind_at(period("2026-05-04T08:00", "2026-05-05T10:00")), Some(at("2026-05-05T08:00")));
    }

    #[test]
    fn every_due_time_has_a_turn_of_its_own() {
        assert_eq!(due_turn(at("2026-05-04T10:00")) + 1, due_turn(at("2026-05-04T10:01")));
        assert_eq!(escalate_at(at("2026-05-04T10:00")), at("2026-05-05T10:00"));
    }
}
