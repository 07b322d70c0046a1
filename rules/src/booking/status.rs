use thiserror::Error;

words! {
    /// Where a booking stands.
    pub enum BookingStatus {
        /// Holds the car for a while, for payment or for staff to say yes.
        Pending = "Pending",
        Confirmed = "Confirmed",
        /// The customer has the car.
        Active = "Active",
        /// The car is back; what it looks like is not decided.
        Returned = "Returned",
        Completed = "Completed",
        Cancelled = "Cancelled",
        Rejected = "Rejected",
        Expired = "Expired",
        NoShow = "NoShow",
    }
}

words! {
    /// What can happen to a booking.
    pub enum Event {
        Confirmed = "confirmed",
        Rejected = "rejected",
        HoldExpired = "hold_expired",
        Cancelled = "cancelled",
        PickedUp = "picked_up",
        NotCollected = "not_collected",
        Returned = "returned",
        Closed = "closed",
        Changed = "changed",
    }
}

/// The event cannot happen to a booking in that status.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a booking that is {from} cannot be {event}", event = .event.as_str().replace('_', " "))]
pub struct Refused {
    pub from: BookingStatus,
    pub event: Event,
}

impl BookingStatus {
    /// Follows one event, or refuses it. The table below is the whole lifecycle.
    pub fn after(self, event: Event) -> Result<Self, Refused> {
        match (self, event) {
            (Self::Pending, Event::Confirmed) => Ok(Self::Confirmed),
            (Self::Pending, Event::Rejected) => Ok(Self::Rejected),
            (Self::Pending, Event::HoldExpired) => Ok(Self::Expired),
            (Self::Pending | Self::Confirmed, Event::Cancelled) => Ok(Self::Cancelled),
            (Self::Confirmed, Event::PickedUp) => Ok(Self::Active),
            (Self::Confirmed, Event::NotCollected) => Ok(Self::NoShow),
            (Self::Active, Event::Returned) => Ok(Self::Returned),
            (Self::Returned, Event::Closed) => Ok(Self::Completed),
            (Self::Pending | Self::Confirmed | Self::Active, Event::Changed) => Ok(self),
            (from, event) => Err(Refused { from, event }),
        }
    }

    /// Whether its row in the time table stays. That of a rental that took
    /// place stays too: it ends with the return and its turnaround, so it
    /// blocks nobody.
    pub fn holds_time(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Rejected | Self::Expired | Self::NoShow)
    }

    /// Whether nothing can happen any more.
    pub fn is_final(self) -> bool {
        Event::ALL.iter().all(|event| self.after(*event).is_err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rental_runs_from_pending_to_completed() {
        let events = [Event::Confirmed, Event::PickedUp, Event::Returned, Event::Closed];
        let end = events.into_iter().try_fold(BookingStatus::Pending, BookingStatus::after);
        assert_eq!(end, Ok(BookingStatus::Completed));
    }

    #[test]
    fn a_car_that_is_out_cannot_be_cancelled() {
        let refused = BookingStatus::Active.after(Event::Cancelled).unwrap_err();
        assert_eq!(refused.to_string(), "a booking that is Active cannot be cancelled");
    }

    #[test]
    fn what_released_its_time_never_comes_back() {
        for status in BookingStatus::ALL.iter().filter(|status| !status.holds_time()) {
            assert!(status.is_final(), "{status}");
        }
    }

    #[test]
    fn the_wire_spelling_is_that_of_the_contract() {
        assert_eq!(
            BookingStatus::WORDS,
            ["Pending", "Confirmed", "Active", "Returned", "Completed", "Cancelled", "Rejected", "Expired", "NoShow",]
        );
    }
}
