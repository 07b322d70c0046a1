use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{Deadline, Fit, Gap, Terms, Wish, deadline, fit, gap::next_quarter};
use crate::period::Period;

/// What free time means for one who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// They alone may take it before the deadline.
    Offer { fit: Fit, expires_at: DateTime<Utc> },
    /// Too late to ask one after the other: everybody it fits is told.
    FinalCall(Fit),
}

/// Where and when the question is asked.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub now: DateTime<Utc>,
    /// Of the branch.
    pub zone: Tz,
    pub turnaround_minutes: u32,
    pub terms: Terms,
}

/// What this gap means for this wish; `None`: nothing.
///
/// Whoever can start a little later, so that there is time to think, is asked alone.
pub fn answer(wish: &Wish, gap: &Gap, moment: &Moment) -> Option<Answer> {
    if matches!(wish, Wish::Asap { .. }) && !gap.now {
        return None;
    }
    let soonest = fit(wish, &gap.period, moment.turnaround_minutes)?;
    Some(ask(soonest, moment).or_else(|| ask(later(wish, gap, moment)?, moment)).unwrap_or(Answer::FinalCall(soonest)))
}

fn ask(fit: Fit, moment: &Moment) -> Option<Answer> {
    match deadline(moment.now, fit.period.start, moment.zone, &moment.terms) {
        Deadline::Until(expires_at) => Some(Answer::Offer { fit, expires_at }),
        Deadline::FinalCall => None,
    }
}

fn later(wish: &Wish, gap: &Gap, moment: &Moment) -> Option<Fit> {
    let time_to_think = moment.terms.final_call + moment.terms.shortest;
    let start = gap.period.start.max(next_quarter(moment.now + time_to_think));
    fit(wish, &Period::new(start, gap.period.end).ok()?, moment.turnaround_minutes)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::period::tests::{at, period};

    const MOMENT: &str = "2026-05-04T10:00";

    fn gap(start: &str, now: bool) -> Gap {
        Gap { period: period(start, "2026-06-01T10:00"), now, open: false }
    }

    fn answered(wish: Wish, gap: Gap) -> Option<Answer> {
        let (now, zone) = (at(MOMENT), Tz::UTC);
        answer(&wish, &gap, &Moment { now, zone, turnaround_minutes: 60, terms: Terms::default() })
    }

    fn window(start: &str, flexibility: i64) -> Wish {
        let flexibility = TimeDelta::hours(flexibility);
        Wish::Window { period: period(start, "2026-05-06T10:00"), flexibility, min_days: None }
    }

    #[test]
    fn who_wants_the_car_soon_hears_a_final_call_and_who_can_wait_is_asked() {
        let gap = gap("2026-05-04T11:00", true);
        assert!(matches!(answered(window("2026-05-04T11:30", 0), gap), Some(Answer::FinalCall(_))));
        let Some(Answer::Offer { fit, expires_at }) = answered(window("2026-05-04T11:30", 2), gap) else { panic!() };
        assert_eq!((fit.period.start, expires_at), (at("2026-05-04T12:30"), at("2026-05-04T10:30")));
    }

    #[test]
    fn as_soon_as_possible_is_a_car_that_stands_here() {
        let asap = Wish::Asap { days: 2, latest_start: at("2026-05-08T10:00"), zone: Tz::UTC };
        assert_eq!(answered(asap, gap("2026-05-06T10:00", false)), None);
        assert!(matches!(answered(asap, gap("2026-05-04T11:00", true)), Some(Answer::Offer { .. })));
        assert!(answered(window("2026-05-05T10:00", 0), gap("2026-05-04T12:00", false)).is_some());
    }
}
