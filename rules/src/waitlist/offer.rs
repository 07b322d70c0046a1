use chrono::{DateTime, Utc};
use thiserror::Error;

words! {
    pub enum OfferState {
        Offered = "offered",
        Accepted = "accepted",
        Declined = "declined",
        Expired = "expired",
        Revoked = "revoked",
    }
}

words! {
    pub enum OfferEvent {
        Accepted = "accepted",
        Declined = "declined",
        Expired = "expired",
        Revoked = "revoked",
    }
}

/// The offer has found its end already.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("an offer that is {from} cannot be {event}")]
pub struct OfferRefused {
    pub from: OfferState,
    pub event: OfferEvent,
}

impl OfferState {
    /// Follows one event, or refuses it: every end is final.
    pub fn after(self, event: OfferEvent) -> Result<Self, OfferRefused> {
        match (self, event) {
            (Self::Offered, OfferEvent::Accepted) => Ok(Self::Accepted),
            (Self::Offered, OfferEvent::Declined) => Ok(Self::Declined),
            (Self::Offered, OfferEvent::Expired) => Ok(Self::Expired),
            (Self::Offered, OfferEvent::Revoked) => Ok(Self::Revoked),
            (from, event) => Err(OfferRefused { from, event }),
        }
    }

    pub fn is_live(self) -> bool {
        self == Self::Offered
    }
}

impl OfferRefused {
    /// What the person is told who wanted to accept it.
    pub fn code(self) -> &'static str {
        match self.from {
            OfferState::Expired => "offer_expired",
            OfferState::Revoked => "already_taken",
            OfferState::Offered | OfferState::Accepted | OfferState::Declined => "illegal_state",
        }
    }
}

/// Whether the offer is over; the last moment is outside (W12). `now` is the database's.
pub fn has_expired(now: DateTime<Utc>, expires_at: DateTime<Utc>) -> bool {
    expires_at <= now
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::period::tests::at;
    use crate::problem;

    #[test]
    fn every_end_of_an_offer_is_final() {
        for event in OfferEvent::ALL {
            let end = OfferState::Offered.after(*event).unwrap();
            assert!(OfferEvent::ALL.iter().all(|event| end.after(*event).is_err()));
        }
    }

    #[test]
    fn an_offer_is_good_until_just_before_its_deadline() {
        let deadline = at("2026-05-04T10:00");
        assert!(!has_expired(deadline - TimeDelta::milliseconds(1), deadline));
        assert!(has_expired(deadline, deadline));
    }

    #[test]
    fn a_late_click_is_told_why() {
        let refused = OfferState::Expired.after(OfferEvent::Accepted).unwrap_err();
        assert_eq!(problem::find(refused.code()), Some(&problem::OFFER_EXPIRED));
        let refused = OfferState::Revoked.after(OfferEvent::Accepted).unwrap_err();
        assert_eq!(problem::find(refused.code()), Some(&problem::ALREADY_TAKEN));
    }
}
