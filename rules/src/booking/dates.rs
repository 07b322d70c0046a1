use chrono::{DateTime, Months, TimeDelta, Utc};
use chrono_tz::Tz;
use thiserror::Error;

use crate::period::Period;
use crate::problem::Reason;

/// How soon, how late and for how long a car may be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From now to the earliest start.
    pub lead: TimeDelta,
    /// From now to the latest start.
    pub horizon: Months,
    pub shortest: TimeDelta,
    pub longest: TimeDelta,
    /// How long before the start a free car may be picked up.
    pub pickup_early: TimeDelta,
    /// How long after the start a car waits for its customer.
    pub no_show_after: TimeDelta,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lead: TimeDelta::hours(1),
            horizon: Months::new(12),
            shortest: TimeDelta::hours(1),
            longest: TimeDelta::days(30),
            pickup_early: TimeDelta::hours(2),
            no_show_after: TimeDelta::hours(2),
        }
    }
}

/// Why dates cannot be booked, whichever car it is.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DateRefusal {
    #[error("a rental starts {} from now at the earliest", hours(*.0))]
    TooSoon(TimeDelta),
    #[error("a rental starts {} months from now at the latest", .0.as_u32())]
    TooFarAhead(Months),
    #[error("a rental lasts at least {}", hours(*.0))]
    TooShort(TimeDelta),
    #[error("a rental lasts at most {} days", .0.num_days())]
    TooLong(TimeDelta),
    #[error("a rental ends in the future")]
    Over,
    #[error("the new end is not later than the present one")]
    NotLater,
}

/// Accepts a start, or says what is wrong with it.
pub fn start(now: DateTime<Utc>, start: DateTime<Utc>, limits: Limits) -> Result<(), DateRefusal> {
    let latest = now.checked_add_months(limits.horizon).unwrap_or(now);
    if start < now + limits.lead {
        Err(DateRefusal::TooSoon(limits.lead))
    } else if start > latest {
        Err(DateRefusal::TooFarAhead(limits.horizon))
    } else {
        Ok(())
    }
}

/// As days are counted and priced: a clock change makes thirty of them an hour longer or shorter.
fn wall_clock_length(period: Period, zone: Tz) -> TimeDelta {
    let wall = |moment: DateTime<Utc>| moment.with_timezone(&zone).naive_local();
    wall(period.end) - wall(period.start)
}

/// Accepts the dates, or says everything that is wrong with them. `zone` is that of the branch.
pub fn dates(now: DateTime<Utc>, period: Period, zone: Tz, limits: Limits) -> Result<(), Vec<DateRefusal>> {
    let refused: Vec<_> = [
        start(now, period.start, limits).err(),
        (period.length() < limits.shortest).then_some(DateRefusal::TooShort(limits.shortest)),
        (wall_clock_length(period, zone) > limits.longest).then_some(DateRefusal::TooLong(limits.longest)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if refused.is_empty() { Ok(()) } else { Err(refused) }
}

impl DateRefusal {
    pub fn code(self) -> &'static str {
        match self {
            Self::TooSoon(_) => "start_too_soon",
            Self::TooFarAhead(_) => "start_too_far_ahead",
            Self::TooShort(_) => "period_too_short",
            Self::TooLong(_) => "period_too_long",
            Self::Over => "end_in_the_past",
            Self::NotLater => "end_not_later",
        }
    }
}

impl From<DateRefusal> for Reason {
    fn from(refusal: DateRefusal) -> Self {
        let pointer = match refusal {
            DateRefusal::TooSoon(_) | DateRefusal::TooFarAhead(_) => "/startDate",
            DateRefusal::TooShort(_) | DateRefusal::TooLong(_) | DateRefusal::Over | DateRefusal::NotLater => {
                "/endDate"
            }
        };
        Self { code: refusal.code(), pointer, message: refusal.to_string() }
    }
}

fn hours(delta: TimeDelta) -> String {
    match (delta.num_minutes() / 60, delta.num_minutes() % 60) {
        (1, 0) => "1 hour".to_owned(),
        (hours, 0) => format!("{hours} hours"),
        (_, _) => format!("{} minutes", delta.num_minutes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::tests::{at, period};

    fn refusals(start: &str, end: &str) -> Vec<&'static str> {
        let answer = dates(at("2026-05-04T10:00"), period(start, end), Tz::Europe__Berlin, Limits::default());
        answer.err().unwrap_or_default().into_iter().map(DateRefusal::code).collect()
    }

    #[test]
    fn dates_within_all_limits_are_accepted() {
        assert!(refusals("2026-05-04T11:00", "2026-05-04T12:00").is_empty());
        assert!(refusals("2027-05-04T10:00", "2027-06-03T10:00").is_empty());
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let both = refusals("2026-05-04T10:59", "2026-05-04T11:58");
        assert_eq!(both, ["start_too_soon", "period_too_short"]);
        let both = refusals("2027-05-04T10:01", "2027-06-04T10:01");
        assert_eq!(both, ["start_too_far_ahead", "period_too_long"]);
    }

    #[test]
    fn thirty_local_days_may_contain_the_extra_hour_of_autumn() {
        assert!(refusals("2026-10-10T08:00", "2026-11-09T09:00").is_empty());
        assert_eq!(refusals("2026-10-10T08:00", "2026-11-09T09:01"), ["period_too_long"]);
        assert_eq!(refusals("2027-01-04T08:00", "2027-02-03T09:00"), ["period_too_long"], "in January there is none");
        assert_eq!(refusals("2027-03-10T08:00", "2027-04-09T08:00"), ["period_too_long"], "nor in spring");
    }

    #[test]
    fn a_refusal_is_a_sentence_with_a_place() {
        let reason = Reason::from(DateRefusal::TooSoon(TimeDelta::hours(1)));
        assert_eq!(reason.message, "a rental starts 1 hour from now at the earliest");
        assert_eq!(reason.pointer, "/startDate");
    }
}
