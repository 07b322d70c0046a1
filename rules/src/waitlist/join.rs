use thiserror::Error;

/// What joining depends on (W2).
#[derive(Clone, Copy, Debug)]
pub struct JoinFacts {
    /// Something that matches is free right now.
    pub bookable_now: bool,
    /// The person could book it if it were free.
    pub eligible: bool,
    /// An active entry of theirs for the same target overlaps in time.
    pub waits_already: bool,
    /// All their active entries.
    pub active_entries: u32,
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum JoinRefused {
    #[error("you could not book this car even if it were free")]
    NotEligible,
    #[error("a matching car can be booked now")]
    BookableNow,
    #[error("you are waiting for this already")]
    WaitsAlready,
    #[error("you can wait for at most {MOST_ENTRIES} things at a time")]
    TooMany,
}

const MOST_ENTRIES: u32 = 5;

impl JoinRefused {
    pub fn code(self) -> &'static str {
        match self {
            Self::NotEligible => "not_eligible",
            Self::BookableNow => "bookable_now",
            Self::WaitsAlready => "already_waiting",
            Self::TooMany => "too_many_entries",
        }
    }
}

/// Lets a person join the waitlist, or says why not.
pub fn join(facts: JoinFacts) -> Result<(), JoinRefused> {
    match facts {
        JoinFacts { eligible: false, .. } => Err(JoinRefused::NotEligible),
        JoinFacts { bookable_now: true, .. } => Err(JoinRefused::BookableNow),
        JoinFacts { waits_already: true, .. } => Err(JoinRefused::WaitsAlready),
        JoinFacts { active_entries: MOST_ENTRIES.., .. } => Err(JoinRefused::TooMany),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem;

    const FACTS: JoinFacts = JoinFacts { bookable_now: false, eligible: true, waits_already: false, active_entries: 4 };

    #[test]
    fn the_fifth_entry_is_the_last() {
        assert_eq!(join(FACTS), Ok(()));
        assert_eq!(join(JoinFacts { active_entries: 5, ..FACTS }), Err(JoinRefused::TooMany));
    }

    #[test]
    fn who_could_book_now_should_and_who_never_could_is_told() {
        assert_eq!(join(JoinFacts { bookable_now: true, ..FACTS }), Err(JoinRefused::BookableNow));
        assert_eq!(join(JoinFacts { eligible: false, ..FACTS }), Err(JoinRefused::NotEligible));
        assert_eq!(join(JoinFacts { waits_already: true, ..FACTS }), Err(JoinRefused::WaitsAlready));
    }

    #[test]
    fn every_refusal_is_in_the_registry() {
        use JoinRefused::*;
        for refused in [NotEligible, BookableNow, WaitsAlready, TooMany] {
            assert!(problem::find(refused.code()).is_some(), "{refused}");
        }
    }
}
