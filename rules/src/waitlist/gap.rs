use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use crate::booking::Limits;
use crate::period::Period;

/// Free time of one car.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub period: Period,
    /// The car stands here, cleared, and nobody takes it first: only that is "as soon as it is free".
    pub now: bool,
    /// Nothing is booked behind it: it ends where bookings may, and so a little later at every look.
    pub open: bool,
}

/// What is known of where the car is (W16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// A customer has it.
    pub out: bool,
    /// It should be back, but is not.
    pub overdue: bool,
    /// It is back, and a person looks at it until about then.
    pub uncleared_until: Option<DateTime<Utc>>,
}

/// Times are offered from a quarter of an hour on, in every time zone.
const QUARTER: TimeDelta = TimeDelta::minutes(15);

/// How long a car that is overdue, or whose inspection is, may be missing yet.
pub const PATIENCE: TimeDelta = TimeDelta::hours(24);

/// The free time of a car within lead and horizon; `busy` is sorted by start.
pub fn gaps(busy: &[Period], whereabouts: Whereabouts, now: DateTime<Utc>, turnaround_minutes: u32) -> Vec<Gap> {
    let limits = Limits::default();
    let earliest = soonest(whereabouts, now, limits);
    // A car that has just come back is being cleaned; that is as soon as it can be.
    let soon = now + limits.lead.max(TimeDelta::minutes(turnaround_minutes.into())) + QUARTER;
    let here = !whereabouts.out && !whereabouts.overdue && whereabouts.uncleared_until.is_none();
    let end = now.checked_add_months(limits.horizon).unwrap_or(now) + limits.longest;
    let (mut gaps, mut free_from) = (Vec::new(), earliest);
    for taken in busy {
        if let Ok(period) = Period::new(free_from, taken.start.min(end)) {
            gaps.push(Gap { period, now: here && period.start <= soon, open: taken.start > end });
        }
        free_from = free_from.max(taken.end);
    }
    if let Ok(period) = Period::new(free_from, end) {
        gaps.push(Gap { period, now: here && period.start <= soon, open: true });
    }
    gaps
}

/// When the car can be handed out at the earliest, whatever is booked.
fn soonest(whereabouts: Whereabouts, now: DateTime<Utc>, limits: Limits) -> DateTime<Utc> {
    let mut earliest = now + limits.lead;
    if whereabouts.overdue {
        earliest = earliest.max(now + PATIENCE);
    }
    if let Some(until) = whereabouts.uncleared_until {
        earliest = earliest.max(if until > now { until } else { now + PATIENCE });
    }
    next_quarter(earliest)
}

/// The next quarter of an hour, or this moment if it is one.
pub(super) fn next_quarter(moment: DateTime<Utc>) -> DateTime<Utc> {
    let quarter = moment.duration_trunc(QUARTER).unwrap_or(moment);
    if quarter == moment { moment } else { quarter + QUARTER }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::period::tests::{any_period, at, period};

    const HERE: Whereabouts = Whereabouts { out: false, overdue: false, uncleared_until: None };

    fn starts(busy: &[Period], whereabouts: Whereabouts) -> Vec<(DateTime<Utc>, bool)> {
        let gaps = gaps(busy, whereabouts, at("2026-05-04T10:07"), 60);
        gaps.into_iter().map(|gap| (gap.period.start, gap.now)).collect()
    }

    #[test]
    fn free_time_begins_an_hour_from_now_at_the_next_quarter() {
        assert_eq!(starts(&[], HERE), [(at("2026-05-04T11:15"), true)]);
    }

    #[test]
    fn a_gap_behind_a_rental_is_free_but_not_now() {
        let rental = period("2026-05-04T09:00", "2026-05-06T11:00");
        assert_eq!(starts(&[rental], Whereabouts { out: true, ..HERE }), [(at("2026-05-06T11:00"), false)]);
    }

    #[test]
    fn only_the_free_time_behind_the_last_booking_is_open() {
        let rental = period("2026-05-06T09:00", "2026-05-08T11:00");
        let open = |busy: &[Period]| -> Vec<bool> {
            gaps(busy, HERE, at("2026-05-04T10:07"), 60).iter().map(|gap| gap.open).collect()
        };
        assert_eq!((open(&[rental]), open(&[])), (vec![false, true], vec![true]));
    }

    #[test]
    fn a_car_that_was_just_cleared_is_free_once_it_is_clean() {
        let ends = period("2026-05-01T09:00", "2026-05-04T11:02");
        assert_eq!(starts(&[ends], HERE), [(at("2026-05-04T11:15"), true)]);
    }

    #[test]
    fn a_car_that_nobody_has_cleared_is_free_later() {
        let uncleared = |until: &str| Whereabouts { uncleared_until: Some(at(until)), ..HERE };
        assert_eq!(starts(&[], uncleared("2026-05-06T10:00")), [(at("2026-05-06T10:00"), false)]);
        assert_eq!(starts(&[], uncleared("2026-05-04T09:00")), [(at("2026-05-05T10:15"), false)]);
        let overdue = Whereabouts { out: true, overdue: true, ..HERE };
        assert_eq!(starts(&[], overdue), [(at("2026-05-05T10:15"), false)]);
    }

    proptest! {
        #[test]
        fn gaps_touch_nothing_that_is_taken_and_are_as_wide_as_can_be(
            mut busy in proptest::collection::vec(any_period(), 0..8), minute in 0i64..500_000,
        ) {
            busy.sort_by_key(|period| period.start);
            let now = at("2026-01-01T00:00") + TimeDelta::minutes(minute);
            let found = gaps(&busy, HERE, now, 60);
            for gap in &found {
                prop_assert!(busy.iter().all(|taken| !taken.overlaps(&gap.period)));
                let begins = gap.period.start == soonest(HERE, now, Limits::default());
                prop_assert!(begins || busy.iter().any(|taken| taken.end == gap.period.start));
            }
            for pair in found.windows(2) {
                prop_assert!(pair[0].period.end <= pair[1].period.start);
            }
        }
    }
}
