use chrono::{DateTime, Days, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::period::{Period, WIDEST};

/// What somebody waits for (W1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// These dates.
    Window {
        period: Period,
        /// The start may be this much earlier or later.
        flexibility: TimeDelta,
        /// A part of it is welcome from so many days on; `None` wants all of it.
        min_days: Option<u32>,
    },
    /// As soon as the car is free.
    Asap {
        /// Counted on the wall clock of `zone`.
        days: u32,
        latest_start: DateTime<Utc>,
        zone: Tz,
    },
}

/// What an index can know of a wish: no gap serves it that begins after `latest_start`, that ends
/// (turnaround left aside) before `earliest_end`, or that is shorter than `least`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    pub latest_start: DateTime<Utc>,
    pub earliest_end: DateTime<Utc>,
    pub least: TimeDelta,
}

/// What a gap has for a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    pub period: Period,
    /// Whether it is exactly what was wished; if not, the mail says what differs.
    pub exact: bool,
}

/// A clock change makes a day this much shorter.
const CLOCK_CHANGE: TimeDelta = TimeDelta::hours(1);

/// The best rental for this wish within a free gap, turnaround included (W6):
/// the exact dates, else the nearest start, else the longest part.
///
/// The gap begins now or later and ends where the next reservation begins.
pub fn fit(wish: &Wish, gap: &Period, turnaround_minutes: u32) -> Option<Fit> {
    let usable_end = gap.end - TimeDelta::minutes(turnaround_minutes.into());
    let usable = Period::new(gap.start, usable_end).ok()?;
    match *wish {
        Wish::Window { period, flexibility, min_days } => {
            let flexibility = flexibility.clamp(TimeDelta::zero(), WIDEST);
            let part = || longest_part(period, flexibility, min_days?, &usable);
            let found = whole(period, flexibility, &usable).or_else(part)?;
            Some(Fit { period: found, exact: found == period })
        }
        Wish::Asap { days, latest_start, zone } => {
            let period = Period::new(usable.start, days_later(usable.start, days, zone)?).ok()?;
            let fits = period.start <= latest_start && usable.contains(&period);
            fits.then_some(Fit { period, exact: true })
        }
    }
}

impl Wish {
    /// Bounds of every gap that serves the wish, as seen at `now`.
    pub fn reach(&self, now: DateTime<Utc>) -> Reach {
        match *self {
            Self::Window { period, flexibility, min_days } => {
                let flexibility = flexibility.clamp(TimeDelta::zero(), WIDEST);
                let least = min_days.map_or(period.length(), |days| shortest_part(days).min(period.length()));
                Reach {
                    latest_start: period.end + flexibility - least,
                    earliest_end: period.start - flexibility + least,
                    least,
                }
            }
            Self::Asap { days, latest_start, .. } => {
                let least = shortest_part(days);
                Reach { latest_start, earliest_end: now + least, least }
            }
        }
    }
}

/// The same time of day, so many days later on the wall clock.
fn days_later(start: DateTime<Utc>, days: u32, zone: Tz) -> Option<DateTime<Utc>> {
    let days = Days::new(days.into());
    let local = start.with_timezone(&zone).naive_local().checked_add_days(days)?;
    // Where the clock change skips that very time, whole days are near enough.
    let wall = local.and_local_timezone(zone).latest().map(|end| end.to_utc());
    wall.or_else(|| start.checked_add_days(days))
}

fn shortest_part(days: u32) -> TimeDelta {
    TimeDelta::days(days.max(1).into()) - CLOCK_CHANGE
}

/// The full length at the allowed start that is nearest to the wished one.
fn whole(wished: Period, flexibility: TimeDelta, usable: &Period) -> Option<Period> {
    let earliest = usable.start.max(wished.start - flexibility);
    let latest = (usable.end - wished.length()).min(wished.start + flexibility);
    if earliest > latest {
        return None;
    }
    let start = wished.start.clamp(earliest, latest);
    Period::new(start, start + wished.length()).ok()
}

// Never longer than the wish: then the whole of it would have fitted.
fn longest_part(wished: Period, flexibility: TimeDelta, min_days: u32, usable: &Period) -> Option<Period> {
    let welcome = Period::new(wished.start - flexibility, wished.end + flexibility).ok()?;
    let part = usable.intersection(&welcome)?;
    (part.length() >= shortest_part(min_days)).then_some(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::period::tests::{any_period, at, period};

    fn window(flexibility: i64, min_days: Option<u32>) -> Wish {
        Wish::Window {
            period: period("2026-05-08T10:00", "2026-05-11T10:00"),
            flexibility: TimeDelta::hours(flexibility),
            min_days,
        }
    }

    fn found(wish: Wish, start: &str, end: &str) -> Option<Period> {
        fit(&wish, &period(start, end), 60).map(|fit| fit.period)
    }

    #[test]
    fn the_exact_dates_are_preferred() {
        let wide = period("2026-05-01T10:00", "2026-05-20T10:00");
        let fit = fit(&window(12, Some(1)), &wide, 60).unwrap();
        assert!(fit.exact);
        assert_eq!(fit.period, period("2026-05-08T10:00", "2026-05-11T10:00"));
    }

    #[test]
    fn the_turnaround_has_to_fit_too() {
        assert_eq!(found(window(0, None), "2026-05-08T10:00", "2026-05-11T10:59"), None);
        assert!(found(window(0, None), "2026-05-08T10:00", "2026-05-11T11:00").is_some());
    }

    #[test]
    fn else_the_nearest_start_within_the_flexibility() {
        let shifted = period("2026-05-08T12:00", "2026-05-11T12:00");
        assert_eq!(found(window(3, None), "2026-05-08T12:00", "2026-05-20T10:00"), Some(shifted));
        assert_eq!(found(window(1, None), "2026-05-08T12:00", "2026-05-20T10:00"), None);
    }

    #[test]
    fn a_part_is_offered_only_to_those_who_want_parts() {
        let part = period("2026-05-09T10:00", "2026-05-11T10:00");
        assert_eq!(found(window(0, Some(2)), "2026-05-09T10:00", "2026-05-20T10:00"), Some(part));
        assert_eq!(found(window(0, Some(3)), "2026-05-09T10:00", "2026-05-20T10:00"), None);
        assert_eq!(found(window(0, None), "2026-05-09T10:00", "2026-05-20T10:00"), None);
    }

    #[test]
    fn as_soon_as_possible_starts_with_the_gap() {
        let asap = |latest: &str| Wish::Asap { days: 2, latest_start: at(latest), zone: Tz::UTC };
        let gap = ("2026-05-08T10:00", "2026-05-12T10:00");
        let two_days = period("2026-05-08T10:00", "2026-05-10T10:00");
        assert_eq!(found(asap("2026-05-08T10:00"), gap.0, gap.1), Some(two_days));
        assert_eq!(found(asap("2026-05-08T09:59"), gap.0, gap.1), None);
    }

    #[test]
    fn days_are_those_of_the_wall_clock_in_both_changes() {
        let asap = Wish::Asap { days: 2, latest_start: at("2026-12-31T10:00"), zone: Tz::Europe__Berlin };
        // 10:00 in Berlin is 9:00 UTC in winter and 8:00 UTC in summer.
        let spring = period("2026-03-28T09:00", "2026-03-30T08:00");
        assert_eq!(found(asap, "2026-03-28T09:00", "2026-04-20T10:00"), Some(spring));
        let autumn = period("2026-10-24T08:00", "2026-10-26T09:00");
        assert_eq!(found(asap, "2026-10-24T08:00", "2026-11-20T10:00"), Some(autumn));
    }

    #[test]
    fn days_are_those_of_the_branch_wherever_it_is() {
        let asap = |zone| Wish::Asap { days: 2, latest_start: at("2026-12-31T10:00"), zone };
        let new_york = asap(Tz::America__New_York);
        let (spring, autumn) =
            (period("2026-03-07T15:00", "2026-03-09T14:00"), period("2026-10-31T14:00", "2026-11-02T15:00"));
        assert_eq!(found(new_york, "2026-03-07T15:00", "2026-04-20T10:00"), Some(spring));
        assert_eq!(found(new_york, "2026-10-31T14:00", "2026-11-20T10:00"), Some(autumn));
        // Half an hour more in April, half an hour less in October.
        let lord_howe = asap(Tz::Australia__Lord_Howe);
        let (autumn, spring) =
            (period("2026-04-03T23:00", "2026-04-05T23:30"), period("2026-10-02T23:30", "2026-10-04T23:00"));
        assert_eq!(found(lord_howe, "2026-04-03T23:00", "2026-05-20T10:00"), Some(autumn));
        assert_eq!(found(lord_howe, "2026-10-02T23:30", "2026-11-20T10:00"), Some(spring));
    }

    #[test]
    fn an_absurd_wish_fits_nowhere_and_breaks_nothing() {
        let gap = period("2026-05-08T10:00", "2026-05-12T10:00");
        let asap = Wish::Asap { days: u32::MAX, latest_start: DateTime::<Utc>::MAX_UTC, zone: Tz::UTC };
        assert_eq!(fit(&asap, &gap, u32::MAX), None);
        assert_eq!(fit(&asap, &gap, 0), None);
        let Wish::Window { period, .. } = window(0, None) else { unreachable!() };
        let endless = Wish::Window { period, flexibility: TimeDelta::MAX, min_days: Some(u32::MAX) };
        assert!(fit(&endless, &gap, 60).is_some_and(|fit| fit.exact));
    }

    proptest! {
        #[test]
        fn whatever_fits_lies_in_the_gap_and_is_no_longer_than_wished(
            wished in any_period(), gap in any_period(), flexibility in -5i64..2_000,
            min_days in proptest::option::of(0u32..10), turnaround in 0u32..300,
        ) {
            let wish = Wish::Window { period: wished, flexibility: TimeDelta::minutes(flexibility), min_days };
            if let Some(fit) = fit(&wish, &gap, turnaround) {
                prop_assert!(gap.contains(&fit.period.with_turnaround(turnaround)));
                prop_assert!(fit.period.length() <= wished.length());
                prop_assert_eq!(fit.exact, fit.period == wished);
                prop_assert!(fit.period.length() == wished.length() || min_days.is_some());
            } else {
                prop_assert!(!gap.contains(&wished.with_turnaround(turnaround)));
            }
        }

        #[test]
        fn what_is_out_of_reach_fits_nowhere_and_what_is_within_fits(
            wished in any_period(), gap in any_period(), flexibility in 0i64..5_000,
            min_days in proptest::option::of(1u32..10), turnaround in 0u32..300,
        ) {
            let wish = Wish::Window { period: wished, flexibility: TimeDelta::minutes(flexibility), min_days };
            let (reach, usable_end) = (wish.reach(gap.start), gap.end - TimeDelta::minutes(turnaround.into()));
            let within = gap.start <= reach.latest_start && usable_end >= reach.earliest_end;
            let within = within && usable_end - gap.start >= reach.least;
            prop_assert_eq!(fit(&wish, &gap, turnaround).is_some(), within);
        }

        #[test]
        fn an_asap_wish_out_of_reach_fits_nowhere(gap in any_period(), days in 1u32..30, latest in 0i64..600_000) {
            let latest_start = at("2026-01-01T00:00") + TimeDelta::minutes(latest);
            let wish = Wish::Asap { days, latest_start, zone: Tz::Europe__Berlin };
            let reach = wish.reach(gap.start);
            let within = gap.start <= reach.latest_start && gap.end >= reach.earliest_end && gap.length() >= reach.least;
            prop_assert!(within || fit(&wish, &gap, 0).is_none());
        }

        #[test]
        fn a_wider_gap_never_fits_worse(wished in any_period(), gap in any_period(), more in 0i64..1_000) {
            let wish = Wish::Window { period: wished, flexibility: TimeDelta::hours(6), min_days: None };
            let wider = Period::new(gap.start, gap.end + TimeDelta::minutes(more)).unwrap();
            prop_assert!(fit(&wish, &gap, 30).is_none() || fit(&wish, &wider, 30).is_some());
        }
    }
}
