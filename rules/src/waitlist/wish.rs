use chrono::{DateTime, Days, TimeDelta, Utc};

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
    Asap { days: u32, latest_start: DateTime<Utc> },
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
        Wish::Asap { days, latest_start } => {
            let period = Period::new(usable.start, usable.start.checked_add_days(Days::new(days.into()))?).ok()?;
            let fits = period.start <= latest_start && usable.contains(&period);
            fits.then_some(Fit { period, exact: true })
        }
    }
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
    (part.length() + CLOCK_CHANGE >= TimeDelta::days(min_days.max(1).into())).then_some(part)
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
        let asap = |latest: &str| Wish::Asap { days: 2, latest_start: at(latest) };
        let gap = ("2026-05-08T10:00", "2026-05-12T10:00");
        let two_days = period("2026-05-08T10:00", "2026-05-10T10:00");
        assert_eq!(found(asap("2026-05-08T10:00"), gap.0, gap.1), Some(two_days));
        assert_eq!(found(asap("2026-05-08T09:59"), gap.0, gap.1), None);
    }

    #[test]
    fn an_absurd_wish_fits_nowhere_and_breaks_nothing() {
        let gap = period("2026-05-08T10:00", "2026-05-12T10:00");
        let asap = Wish::Asap { days: u32::MAX, latest_start: DateTime::<Utc>::MAX_UTC };
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
        fn a_wider_gap_never_fits_worse(wished in any_period(), gap in any_period(), more in 0i64..1_000) {
            let wish = Wish::Window { period: wished, flexibility: TimeDelta::hours(6), min_days: None };
            let wider = Period::new(gap.start, gap.end + TimeDelta::minutes(more)).unwrap();
            prop_assert!(fit(&wish, &gap, 30).is_none() || fit(&wish, &wider, 30).is_some());
        }
    }
}
