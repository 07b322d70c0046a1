use chrono::{DateTime, TimeDelta, Utc};

/// How long an admin has, when nobody waits for the car.
const INSPECTION: TimeDelta = TimeDelta::hours(48);

/// How long before the next rental the decision is wanted.
const BEFORE_NEXT: TimeDelta = TimeDelta::hours(1);

/// By when a return should be decided: 48 hours after it, or one hour before
/// the car's next rental starts, whichever is earlier; at once when that has passed.
pub fn decision_due_at(returned_at: DateTime<Utc>, next_start: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let usual = returned_at + INSPECTION;
    next_start.map_or(usual, |start| usual.min(start - BEFORE_NEXT)).max(returned_at)
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
}
