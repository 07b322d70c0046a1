use chrono::TimeDelta;
use thiserror::Error;

use crate::{
    money::Money,
    problem::{self, Problem},
};

/// How long a customer may dispute a damage, counted from the mail that tells of it. Shorter than the hold
/// of a deposit lasts.
pub const DISPUTE_WINDOW: TimeDelta = TimeDelta::days(7);

/// How many photos a customer may send with a dispute.
pub const MOST_DISPUTE_PHOTOS: usize = 5;

words! {
    /// Where the question of one damage stands. The register keeps the damage
    /// from its confirmation on, whatever becomes of the money.
    pub enum CaseState {
        Open = "open",
        InReview = "in_review",
        Dismissed = "dismissed",
        Confirmed = "confirmed",
        Notified = "notified",
        Accepted = "accepted",
        Disputed = "disputed",
        Upheld = "upheld",
        Reduced = "reduced",
        Waived = "waived",
        Charged = "charged",
        Released = "released",
        Closed = "closed",
    }
}

words! {
    pub enum CaseEvent {
        ReviewBegun = "review_begun",
        Dismissed = "dismissed",
        Confirmed = "confirmed",
        CustomerTold = "customer_told",
        Accepted = "accepted",
        Disputed = "disputed",
        /// The time for a dispute has passed.
        WindowPassed = "window_passed",
        Upheld = "upheld",
        Reduced = "reduced",
        Waived = "waived",
        Charged = "charged",
        DepositReleased = "deposit_released",
        Closed = "closed",
    }
}

words! {
    /// What staff may say about a confirmed case.
    pub enum Settlement {
        /// The customer was told in another way than by mail: a letter, a call.
        Told = "told",
        Upheld = "upheld",
        Reduced = "reduced",
        Waived = "waived",
        /// A person has put the amount on an invoice. Nothing here ever takes money.
        Charged = "charged",
        Released = "released",
        Closed = "closed",
    }
}

/// Why an amount does not fit what staff say.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AmountRefused {
    #[error("Give the new amount, from 0 to less than the {0} that are asked for now.")]
    NotLess(Money),
    #[error("An amount belongs to a reduction alone: leave it out, or reduce.")]
    NotAsked,
    #[error("There is nothing to charge: the amount is 0.")]
    Nothing,
}

/// The event cannot happen to a case in that state.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a damage case that is {from} cannot follow {event}")]
pub struct CaseRefused {
    pub from: CaseState,
    pub event: CaseEvent,
}

impl CaseState {
    /// Follows one event, or refuses it. No path leads to `Charged` without
    /// the customer having been told and heard.
    pub fn after(self, event: CaseEvent) -> Result<Self, CaseRefused> {
        use CaseEvent as E;
        match (self, event) {
            (Self::Open | Self::InReview, E::ReviewBegun) => Ok(Self::InReview),
            (Self::Open | Self::InReview, E::Dismissed) => Ok(Self::Dismissed),
            (Self::Open | Self::InReview, E::Confirmed) => Ok(Self::Confirmed),
            (Self::Confirmed, E::CustomerTold) => Ok(Self::Notified),
            (Self::Notified, E::Accepted | E::WindowPassed) => Ok(Self::Accepted),
            (Self::Notified, E::Disputed) => Ok(Self::Disputed),
            (Self::Disputed, E::Upheld) => Ok(Self::Upheld),
            (Self::Disputed, E::Reduced) => Ok(Self::Reduced),
            (Self::Confirmed | Self::Notified | Self::Accepted | Self::Disputed, E::Waived) => Ok(Self::Waived),
            (Self::Accepted | Self::Upheld | Self::Reduced, E::Charged) => Ok(Self::Charged),
            (Self::Waived | Self::Dismissed, E::DepositReleased) => Ok(Self::Released),
            (Self::Charged | Self::Released | Self::Dismissed | Self::Waived, E::Closed) => Ok(Self::Closed),
            (from, event) => Err(CaseRefused { from, event }),
        }
    }

    /// The same for what staff say while so many minor units are asked for: where that is nothing, no invoice
    /// stands between the answer and the end.
    pub fn settled(self, event: CaseEvent, amount: i64) -> Result<Self, CaseRefused> {
        match (self, event) {
            (Self::Accepted | Self::Upheld | Self::Reduced, CaseEvent::Closed) if amount == 0 => Ok(Self::Closed),
            (Self::Accepted | Self::Upheld | Self::Reduced, CaseEvent::DepositReleased) if amount == 0 => {
                Ok(Self::Released)
            }
            _ => self.after(event),
        }
    }
}

impl Settlement {
    pub fn event(self) -> CaseEvent {
        match self {
            Self::Told => CaseEvent::CustomerTold,
            Self::Upheld => CaseEvent::Upheld,
            Self::Reduced => CaseEvent::Reduced,
            Self::Waived => CaseEvent::Waived,
            Self::Charged => CaseEvent::Charged,
            Self::Released => CaseEvent::DepositReleased,
            Self::Closed => CaseEvent::Closed,
        }
    }

    /// Whether the customer hears of it by mail.
    pub fn is_told(self) -> bool {
        matches!(self, Self::Upheld | Self::Reduced | Self::Waived)
    }

    /// What is asked for afterwards, in minor units of what is asked for now. It never grows: what a customer was told is the most there is.
    pub fn amount(self, now: Money, said: Option<i64>) -> Result<i64, AmountRefused> {
        match (self, said) {
            (Self::Reduced, Some(less)) if (0..now.amount).contains(&less) => Ok(less),
            (Self::Reduced, _) => Err(AmountRefused::NotLess(now)),
            (_, Some(_)) => Err(AmountRefused::NotAsked),
            (Self::Charged, None) if now.amount == 0 => Err(AmountRefused::Nothing),
            (Self::Waived, None) => Ok(0),
            (_, None) => Ok(now.amount),
        }
    }
}

impl CaseRefused {
    /// A second person who decides comes too late; anything else is out of its order.
    pub fn problem(self) -> Problem {
        let decided = matches!(self.from, CaseState::Upheld | CaseState::Reduced | CaseState::Waived);
        let decides = matches!(self.event, CaseEvent::Upheld | CaseEvent::Reduced | CaseEvent::Waived);
        if decided && decides { problem::ALREADY_DECIDED } else { problem::ILLEGAL_STATE }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::Currency;

    proptest! {
        #[test]
        fn nobody_is_charged_before_being_told(
            events in proptest::collection::vec(proptest::sample::select(CaseEvent::ALL), 0..30),
        ) {
            let (mut state, mut told) = (CaseState::Open, false);
            for event in events {
                state = state.after(event).unwrap_or(state);
                told |= state == CaseState::Notified;
                prop_assert!(state != CaseState::Charged || told);
            }
        }
    }

    #[test]
    fn a_disputed_amount_can_be_waived_and_the_deposit_goes_back() {
        use CaseEvent as E;
        let events = [E::Confirmed, E::CustomerTold, E::Disputed, E::Waived, E::DepositReleased, E::Closed];
        let end = events.into_iter().try_fold(CaseState::Open, CaseState::after);
        assert_eq!(end, Ok(CaseState::Closed));
    }

    #[test]
    fn a_case_that_asks_for_nothing_ends_without_an_invoice() {
        for answered in [CaseState::Accepted, CaseState::Upheld, CaseState::Reduced] {
            assert_eq!(answered.settled(CaseEvent::Closed, 0), Ok(CaseState::Closed));
            assert_eq!(answered.settled(CaseEvent::DepositReleased, 0), Ok(CaseState::Released));
            assert!(answered.settled(CaseEvent::Closed, 1).is_err(), "{answered}");
        }
        assert!(CaseState::Disputed.settled(CaseEvent::Closed, 0).is_err());
    }

    #[test]
    fn an_amount_only_ever_shrinks_and_nothing_is_not_charged() {
        let now = Money::new(18_000, Currency::EUR);
        assert_eq!(Settlement::Reduced.amount(now, Some(9_000)), Ok(9_000));
        for not_less in [None, Some(-1), Some(18_000), Some(20_000)] {
            assert_eq!(Settlement::Reduced.amount(now, not_less), Err(AmountRefused::NotLess(now)));
        }
        assert!(AmountRefused::NotLess(now).to_string().contains("less than the 180.00 EUR that"));
        assert_eq!(Settlement::Upheld.amount(now, Some(1)), Err(AmountRefused::NotAsked));
        assert_eq!(Settlement::Waived.amount(now, None), Ok(0));
        assert_eq!(Settlement::Charged.amount(Money::zero(Currency::EUR), None), Err(AmountRefused::Nothing));
        assert_eq!(Settlement::Charged.amount(now, None), Ok(18_000));
    }

    #[test]
    fn who_decides_a_dispute_second_hears_that_it_was_decided() {
        let second = CaseState::Reduced.after(CaseEvent::Upheld).unwrap_err();
        assert_eq!(second.problem(), problem::ALREADY_DECIDED);
        let early = CaseState::Confirmed.after(CaseEvent::Upheld).unwrap_err();
        assert_eq!(early.problem(), problem::ILLEGAL_STATE);
    }
}
