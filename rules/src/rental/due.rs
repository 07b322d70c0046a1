use chrono::{DateTime, TimeDelta, Utc};

/// How long an admin has, when nobody waits for the car.
const INSPECTION: TimeDelta = TimeDelta::hours(48);

/// How long before the next rental the decision is wanted.
const BEFORE_NEXT: TimeDelta = TimeDelta::hours(1);

/// How long before the decision is due everybody asked is reminded.
const REMINDER: TimeDelta = TimeDelta::hours(4);

/// Nobody is called late who was asked less than this ago.
const FAIR: TimeDelta = TimeDelta::hours(1);

/// By when a return should be decided: 48 hours after it, or one hour before
/// the car's next rental starts, whichever is earlier; at once when that has passed.
pub fn decision_due_at(returned_at: DateTime<Utc>, next_start: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let usual = returned_at + INSPECTION;
    next_start.map_or(usual, |start| usual.min(start - BEFORE_NEXT)).max(returned_at)
}

/// When to remind of the decision: four hours before it is due, and not at all when the report came later than that.
pub fn remind_at(reported_at: DateTime<Utc>, due: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Some(due - REMINDER).filter(|at| reported_at < *at)
}

/// When to ask others for the decision: when it is overdue and those asked have had an hour.
pub fn escalate_at(reported_at: DateTime<Utc>, due: DateTime<Utc>) -> DateTime<Utc> {
    due.max(reported_at + FAIR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::tests::at;

    #[test]
    fn the_next_rental_hurries_the_decision() {
        let due = |next: Option<&str>| decision_due_at(at("2026-05-04T10:00"), next.map(at));
        assert_eq!(due(None), at("2026-05-06T10:00"));
        assert_eq!(due(Some("2026-06-01T10:00")), at("2026-05-06T10:00"));
        assert_eq!(due(Some("2026-05-05T10:00")), at("2026-05-05T09:00"));
        assert_eq!(due(Some("2026-05-04T10:30")), at("2026-05-04T10:00"));
    }

    #[test]
    fn a_reminder_comes_four_hours_before_unless_the_report_came_later() {
        let due = at("2026-05-04T18:00");
        assert_eq!(remind_at(at("2026-05-04T13:59"), due), Some(at("2026-05-04T14:00")));
        assert_eq!(remind_at(at("2026-05-04T14:00"), due), None);
    }

    #[test]
    fn whoever_was_asked_a_moment_ago_is_not_late() {
        let due = at("2026-05-04T18:00");
        assert_eq!(escalate_at(at("2026-05-04T10:00"), due), due);
        assert_eq!(escalate_at(at("2026-05-04T17:30"), due), at("2026-05-04T18:30"));
    }
}
