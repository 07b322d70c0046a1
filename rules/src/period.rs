//! A stretch of time, half-open: its start belongs to it, its end does not.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The widest period anybody may ask for; wider is a mistake or an attack.
pub const WIDEST: TimeDelta = TimeDelta::days(731);

/// From `start` up to but not including `end`; made by [`Period::new`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Bounds")]
#[non_exhaustive]
pub struct Period {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PeriodRefused {
    #[error("the end is the same as the start")]
    Empty,
    #[error("the end is before the start")]
    Backwards,
    #[error("the dates must lie between the years 2000 and 9000")]
    StartOutOfReach,
    #[error("the dates must lie between the years 2000 and 9000")]
    EndOutOfReach,
    #[error("the period is longer than {} days", WIDEST.num_days())]
    TooWide,
}

impl PeriodRefused {
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "period_empty",
            Self::Backwards => "period_backwards",
            Self::StartOutOfReach | Self::EndOutOfReach => "period_out_of_reach",
            Self::TooWide => "period_too_wide",
        }
    }

    /// The pointer of the end that is to be mended, of those of both.
    pub fn pointer<'a>(self, start: &'a str, end: &'a str) -> &'a str {
        if self == Self::StartOutOfReach { start } else { end }
    }
}

impl Period {
    /// Both ends as they are stored.
    pub fn new(start: DateTime<Utc>, end: DateTime<Utc>) -> Result<Self, PeriodRefused> {
        let (start, end) = (stored(start), stored(end));
        if !within_reach(start) {
            Err(PeriodRefused::StartOutOfReach)
        } else if !within_reach(end) {
            Err(PeriodRefused::EndOutOfReach)
        } else if end == start {
            Err(PeriodRefused::Empty)
        } else if end < start {
            Err(PeriodRefused::Backwards)
        } else if end - start > WIDEST {
            Err(PeriodRefused::TooWide)
        } else {
            Ok(Self { start, end })
        }
    }

    /// Whether the two share a moment; periods that only touch do not.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether the whole of `other` lies within.
    pub fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    pub fn length(&self) -> TimeDelta {
        self.end - self.start
    }

    /// The time the car is busy: the customer's own, then cleaning and checking.
    pub fn with_turnaround(&self, minutes: u32) -> Self {
        Self { start: self.start, end: self.end + TimeDelta::minutes(minutes.into()) }
    }

    /// What the two share, if anything.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end)).ok()
    }
}

// chrono reaches further than PostgreSQL and RFC 3339 do, and a sum of two of
// its extremes panics.
fn within_reach(moment: DateTime<Utc>) -> bool {
    (2000..=9000).contains(&moment.year())
}

/// A moment as it is stored: in whole microseconds, a leap second being the first of the next minute.
pub fn stored(moment: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(moment.timestamp_micros()).unwrap_or(moment)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl TryFrom<Bounds> for Period {
    type Error = PeriodRefused;

    fn try_from(bounds: Bounds) -> Result<Self, Self::Error> {
        Self::new(bounds.start, bounds.end)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `at("2026-05-02T10:00")`, UTC.
    pub(crate) fn at(text: &str) -> DateTime<Utc> {
        format!("{text}:00Z").parse().unwrap()
    }

    pub(crate) fn period(start: &str, end: &str) -> Period {
        Period::new(at(start), at(end)).unwrap()
    }

    prop_compose! {
        /// A period of one minute to forty days, within a year that has both clock changes.
        pub(crate) fn any_period()(start in 0i64..525_600, minutes in 1i64..57_600) -> Period {
            let start = at("2026-01-01T00:00") + TimeDelta::minutes(start);
            Period::new(start, start + TimeDelta::minutes(minutes)).unwrap()
        }
    }

    #[test]
    fn a_period_that_is_empty_backwards_endless_or_too_wide_is_refused() {
        let (monday, tuesday) = (at("2026-05-04T10:00"), at("2026-05-05T10:00"));
        let refused = |start, end| Period::new(start, end).unwrap_err();

        assert_eq!(refused(monday, monday), PeriodRefused::Empty);
        assert_eq!(refused(tuesday, monday), PeriodRefused::Backwards);
        assert_eq!(refused(monday, DateTime::<Utc>::MAX_UTC), PeriodRefused::EndOutOfReach);
        let year_0 = refused("0000-01-01T00:00:00Z".parse().unwrap(), monday);
        assert_eq!((year_0, year_0.pointer("/from", "/to")), (PeriodRefused::StartOutOfReach, "/from"));
        assert_eq!(PeriodRefused::Backwards.pointer("/from", "/to"), "/to");
        assert_eq!(refused(monday, at("2030-01-01T00:00")), PeriodRefused::TooWide);
    }

    #[test]
    fn a_leap_second_is_the_next_minute_and_less_than_a_microsecond_is_nothing() {
        let (leap, next) = ("2016-12-31T23:59:60Z".parse().unwrap(), at("2017-01-01T00:00"));
        assert_eq!(Period::new(leap, at("2017-01-02T00:00")), Period::new(next, at("2017-01-02T00:00")));
        assert_eq!(Period::new(leap, next), Err(PeriodRefused::Empty));
        assert_eq!(Period::new(next, next + TimeDelta::nanoseconds(999)), Err(PeriodRefused::Empty));
    }

    #[test]
    fn one_rental_may_start_the_minute_the_other_ends() {
        let first = period("2026-05-04T10:00", "2026-05-05T10:00");
        let second = period("2026-05-05T10:00", "2026-05-06T10:00");

        assert!(!first.overlaps(&second) && !second.overlaps(&first));
        assert!(first.with_turnaround(1).overlaps(&second));
    }

    #[test]
    fn json_cannot_smuggle_in_a_backwards_period() {
        let json = r#"{"start":"2026-05-05T10:00:00Z","end":"2026-05-04T10:00:00Z"}"#;
        assert!(serde_json::from_str::<Period>(json).is_err());
    }

    proptest! {
        #[test]
        fn overlapping_is_mutual_and_means_sharing_time(a in any_period(), b in any_period()) {
            prop_assert_eq!(a.overlaps(&b), b.overlaps(&a));
            prop_assert_eq!(a.overlaps(&b), a.intersection(&b).is_some());
        }

        #[test]
        fn what_lies_within_overlaps(a in any_period(), b in any_period()) {
            prop_assert!(!a.contains(&b) || a.overlaps(&b));
        }
    }
}
