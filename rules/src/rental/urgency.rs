use chrono::{DateTime, TimeDelta, Utc};

use crate::damage::Class;

/// A car that is wanted again sooner than this needs its decision now.
const NEXT_RENTAL: TimeDelta = TimeDelta::hours(4);

/// Whether the admin's mail says URGENT: the next rental is near, or what was
/// found may make the car unsafe.
pub fn is_urgent(
    now: DateTime<Utc>,
    next_start: Option<DateTime<Utc>>,
    found: impl IntoIterator<Item = Class>,
) -> bool {
    next_start.is_some_and(|start| start - now < NEXT_RENTAL) || found.into_iter().any(Class::is_urgent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::tests::at;

    #[test]
    fn a_near_rental_or_a_dangerous_mark_is_urgent() {
        let now = at("2026-05-04T10:00");
        assert!(is_urgent(now, Some(at("2026-05-04T13:59")), []));
        assert!(!is_urgent(now, Some(at("2026-05-04T14:00")), [Class::Scratch]));
        assert!(is_urgent(now, None, [Class::Scratch, Class::TireFlat]));
        assert!(!is_urgent(now, None, []));
    }
}
