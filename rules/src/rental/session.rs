use thiserror::Error;

words! {
    /// Where the return of a car stands.
    pub enum ReturnState {
        /// Photos are being uploaded.
        Open = "open",
        /// Complete: the renter is done, thumbnails and model are at work.
        Inspecting = "inspecting",
        /// The admins have the report.
        Reported = "reported",
        /// Better photos were asked for, once.
        AwaitingPhotos = "awaiting_photos",
        Decided = "decided",
    }
}

words! {
    pub enum Event {
        Completed = "completed",
        Reported = "reported",
        PhotosAskedFor = "photos_asked_for",
        Decided = "decided",
    }
}

words! {
    /// What a person says about a returned car; a model never does.
    pub enum Verdict {
        Clear = "clear",
        Damage = "damage",
        MorePhotos = "more_photos",
    }
}

/// The event cannot happen to a return in that state.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a return that is {from} cannot be {event}", event = .event.as_str().replace('_', " "))]
pub struct Refused {
    pub from: ReturnState,
    pub event: Event,
}

impl ReturnState {
    /// Follows one event, or refuses it. The table below is the whole lifecycle.
    ///
    /// People may decide without waiting for the report or for better photos:
    /// neither the model nor the renter can hold a return up (R5).
    pub fn after(self, event: Event) -> Result<Self, Refused> {
        match (self, event) {
            (Self::Open | Self::AwaitingPhotos, Event::Completed) => Ok(Self::Inspecting),
            (Self::Inspecting, Event::Reported) => Ok(Self::Reported),
            (Self::Inspecting | Self::Reported, Event::PhotosAskedFor) => Ok(Self::AwaitingPhotos),
            (Self::Inspecting | Self::Reported | Self::AwaitingPhotos, Event::Decided) => Ok(Self::Decided),
            (from, event) => Err(Refused { from, event }),
        }
    }

    /// Whether photos may still be added.
    pub fn takes_photos(self) -> bool {
        self.after(Event::Completed).is_ok()
    }
}

impl Verdict {
    pub fn event(self) -> Event {
        match self {
            Self::Clear | Self::Damage => Event::Decided,
            Self::MorePhotos => Event::PhotosAskedFor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_runs_from_photos_to_a_persons_decision() {
        let events = [Event::Completed, Event::Reported, Verdict::Clear.event()];
        let end = events.into_iter().try_fold(ReturnState::Open, ReturnState::after);
        assert_eq!(end, Ok(ReturnState::Decided));
    }

    #[test]
    fn better_photos_lead_to_another_inspection() {
        let events = [Event::Completed, Event::Reported, Verdict::MorePhotos.event(), Event::Completed];
        let end = events.into_iter().try_fold(ReturnState::Open, ReturnState::after);
        assert_eq!(end, Ok(ReturnState::Inspecting));
    }

    #[test]
    fn a_decision_stands_and_needs_a_complete_return() {
        for event in Event::ALL {
            assert!(ReturnState::Decided.after(*event).is_err(), "{event}");
        }
        assert!(ReturnState::Open.after(Event::Decided).is_err());
    }
}
