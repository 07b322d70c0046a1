use chrono::{DateTime, TimeDelta, Utc};

use crate::car::Category;

/// How far ahead the bookings of an unsafe car are moved to others.
pub const SOON: TimeDelta = TimeDelta::hours(48);

/// Why a car may not be there for its next customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threat {
    /// The one who has it has not brought it back.
    Overrun,
    /// It must not be driven.
    Unsafe,
}

/// What a booking that has not begun depends on.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    pub now: DateTime<Utc>,
    /// Of the booking that may be in danger.
    pub start: DateTime<Utc>,
    /// What its car needs between two customers.
    pub turnaround: TimeDelta,
    /// The car is out beyond the time it was due.
    pub overdue: bool,
    /// The car is not rented out at present: quarantined, or in the workshop.
    pub out_of_service: bool,
}

/// When a car that is not back becomes a danger for the rental that starts then:
/// from here on it cannot be made ready in time.
pub fn risk_begins(start: DateTime<Utc>, turnaround: TimeDelta) -> DateTime<Utc> {
    start - turnaround
}

/// What endangers a booking now, if anything.
pub fn threat(situation: &Situation) -> Option<Threat> {
    let Situation { now, start, turnaround, overdue, out_of_service } = *situation;
    if out_of_service && start <= now + SOON {
        Some(Threat::Unsafe)
    } else if overdue && now >= risk_begins(start, turnaround) {
        Some(Threat::Overrun)
    } else {
        None
    }
}

/// A car that is free for the dates, at the same branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<Id> {
    pub id: Id,
    pub category: Category,
    pub seats: i16,
    /// Minor units.
    pub price_per_day: i64,
}

/// The cars that may stand in for one of this class with so many seats, the best first:
/// its own class, then the nearest better one; of equals the cheapest. Never a lesser
/// class and never fewer seats, because the customer pays the old price and loses nothing.
pub fn choose<Id: Copy + Ord>(category: Category, seats: i16, candidates: &[Candidate<Id>]) -> Vec<Id> {
    let mut fit: Vec<_> =
        candidates.iter().filter(|candidate| candidate.category >= category && candidate.seats >= seats).collect();
    fit.sort_by_key(|candidate| (candidate.category, candidate.price_per_day, candidate.id));
    fit.into_iter().map(|candidate| candidate.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::tests::at;

    fn situation(start: &str) -> Situation {
        Situation {
            now: at("2026-05-04T10:00"),
            start: at(start),
            turnaround: TimeDelta::hours(1),
            overdue: true,
            out_of_service: false,
        }
    }

    #[test]
    fn a_car_that_is_not_back_endangers_who_wants_it_within_its_turnaround() {
        assert_eq!(threat(&situation("2026-05-04T11:01")), None);
        assert_eq!(threat(&situation("2026-05-04T11:00")), Some(Threat::Overrun));
        assert_eq!(threat(&situation("2026-05-04T09:00")), Some(Threat::Overrun), "it should have begun");
        assert_eq!(threat(&Situation { overdue: false, ..situation("2026-05-04T10:00") }), None);
    }

    #[test]
    fn an_unsafe_car_endangers_the_next_two_days() {
        let unsafe_car = |start| threat(&Situation { overdue: false, out_of_service: true, ..situation(start) });
        assert_eq!(unsafe_car("2026-05-06T10:00"), Some(Threat::Unsafe));
        assert_eq!(unsafe_car("2026-05-06T10:01"), None);
    }

    #[test]
    fn the_same_class_comes_first_then_the_nearest_better_one_and_never_a_lesser() {
        let car = |id, category, seats, price_per_day| Candidate { id, category, seats, price_per_day };
        let cars = [
            car(1, Category::Economy, 5, 1_000),
            car(2, Category::Luxury, 5, 20_000),
            car(3, Category::Midsize, 5, 6_000),
            car(4, Category::Compact, 5, 5_500),
            car(5, Category::Compact, 5, 5_000),
            car(6, Category::Suv, 4, 7_000),
        ];
        assert_eq!(choose(Category::Compact, 5, &cars), [5, 4, 3, 2]);
    }
}
