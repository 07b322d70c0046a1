use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use thiserror::Error;

use super::{BookingStatus, DateRefusal, Event, Limits, Refused, dates};
use crate::period::Period;

words! {
    /// Why a booking is not as it was.
    pub enum ChangeReason {
        Asked = "asked",
        Extended = "extended",
        /// The car was not back in time.
        Overrun = "overrun",
        /// The car must not be driven.
        Unsafe = "unsafe",
        /// The house could not keep what was booked, and staff found this instead.
        HouseFault = "house_fault",
    }
}

impl ChangeReason {
    /// Whether it is the house that did not keep what was booked.
    pub fn is_of_house(self) -> bool {
        matches!(self, Self::Overrun | Self::Unsafe | Self::HouseFault)
    }
}

/// What somebody wants to be different about a booking.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub status: BookingStatus,
    pub before: Period,
    pub after: Period,
    /// Another car than before.
    pub other_car: bool,
    /// Of the branch whose car it is to be.
    pub zone: Tz,
}

/// Why a booking cannot be changed so.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ChangeRefused {
    #[error(transparent)]
    State(Refused),
    #[error("the customer has the car already, so only a later end is possible; bring it back to end earlier")]
    OnTheRoad,
    #[error("these dates cannot be booked")]
    Dates(Vec<DateRefusal>),
}

/// Accepts a change, or says everything that is wrong with it.
///
/// What stays as it was is not judged again: who has booked for today may still
/// move the end. A rental that runs can only be made longer, because one that is
/// made shorter is brought back.
pub fn change(now: DateTime<Utc>, change: &Change, limits: Limits) -> Result<(), ChangeRefused> {
    change.status.after(Event::Changed).map_err(ChangeRefused::State)?;
    let Change { status, before, after, other_car, zone } = *change;
    if status == BookingStatus::Active && (other_car || after.start != before.start || after.end < before.end) {
        return Err(ChangeRefused::OnTheRoad);
    }
    let judged = |refusal: &DateRefusal| match refusal {
        DateRefusal::TooSoon(_) | DateRefusal::TooFarAhead(_) => after.start != before.start,
        _ => true,
    };
    let mut refused: Vec<_> =
        dates(now, after, zone, limits).err().unwrap_or_default().into_iter().filter(judged).collect();
    if after.end <= now {
        refused.push(DateRefusal::Over);
    }
    if refused.is_empty() { Ok(()) } else { Err(ChangeRefused::Dates(refused)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::tests::{at, period};

    fn answer(status: BookingStatus, after: Period, other_car: bool) -> Result<(), ChangeRefused> {
        let before = period("2026-05-04T10:00", "2026-05-06T10:00");
        change(at("2026-05-04T09:30"), &Change { status, before, after, other_car, zone: Tz::UTC }, Limits::default())
    }

    #[test]
    fn what_stays_is_not_judged_again() {
        assert_eq!(answer(BookingStatus::Confirmed, period("2026-05-04T10:00", "2026-05-05T10:00"), true), Ok(()));
        let sooner = answer(BookingStatus::Confirmed, period("2026-05-04T10:15", "2026-05-05T10:00"), false);
        assert!(matches!(sooner, Err(ChangeRefused::Dates(_))), "{sooner:?}");
    }

    #[test]
    fn everything_wrong_with_the_dates_is_said_at_once() {
        let refused = answer(BookingStatus::Confirmed, period("2026-05-04T08:00", "2026-05-04T08:30"), false);
        let Err(ChangeRefused::Dates(reasons)) = refused else { panic!("{refused:?}") };
        let codes: Vec<_> = reasons.into_iter().map(DateRefusal::code).collect();
        assert_eq!(codes, ["start_too_soon", "period_too_short", "end_in_the_past"]);
    }

    #[test]
    fn a_rental_that_runs_can_only_be_made_longer() {
        let longer = period("2026-05-04T10:00", "2026-05-08T10:00");
        let shorter = period("2026-05-04T10:00", "2026-05-05T10:00");
        assert_eq!(answer(BookingStatus::Active, longer, false), Ok(()));
        assert_eq!(answer(BookingStatus::Active, longer, true), Err(ChangeRefused::OnTheRoad));
        assert_eq!(answer(BookingStatus::Active, shorter, false), Err(ChangeRefused::OnTheRoad));
        assert_eq!(answer(BookingStatus::Confirmed, shorter, false), Ok(()));
    }

    #[test]
    fn what_is_over_cannot_be_changed() {
        let refused = answer(BookingStatus::Cancelled, period("2026-05-05T10:00", "2026-05-06T10:00"), false);
        assert_eq!(refused.unwrap_err().to_string(), "a booking that is Cancelled cannot be changed");
    }
}
