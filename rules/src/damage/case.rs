use thiserror::Error;

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
            (Self::Open, E::ReviewBegun) => Ok(Self::InReview),
            (Self::Open | Self::InReview, E::Dismissed) => Ok(Self::Dismissed),
            (Self::Open | Self::InReview, E::Confirmed) => Ok(Self::Confirmed),
            (Self::Confirmed, E::CustomerTold) => Ok(Self::Notified),
            (Self::Notified, E::Accepted | E::WindowPassed) => Ok(Self::Accepted),
            (Self::Notified, E::Disputed) => Ok(Self::Disputed),
            (Self::Disputed, E::Upheld) => Ok(Self::Upheld),
            (Self::Disputed, E::Reduced) => Ok(Self::Reduced),
            (Self::Confirmed | Self::Notified | Self::Disputed, E::Waived) => Ok(Self::Waived),
            (Self::Accepted | Self::Upheld | Self::Reduced, E::Charged) => Ok(Self::Charged),
            (Self::Waived | Self::Dismissed, E::DepositReleased) => Ok(Self::Released),
            (Self::Charged | Self::Released | Self::Dismissed | Self::Waived, E::Closed) => Ok(Self::Closed),
            (from, event) => Err(CaseRefused { from, event }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
}
