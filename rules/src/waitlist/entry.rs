use std::cmp::Reverse;

use thiserror::Error;

words! {
    /// Where a person's place in the queue stands (W4).
    pub enum EntryState {
        Waiting = "waiting",
        Offered = "offered",
        Fulfilled = "fulfilled",
        /// Silent twice; one click joins again at the tail.
        Lapsed = "lapsed",
        Left = "left",
        /// The wish can no longer be met.
        Closed = "closed",
        /// Skipped until staff reinstate it, or the next promotion would undo a revoke.
        Blocked = "blocked",
    }
}

words! {
    pub enum EntryEvent {
        Offered = "offered",
        Accepted = "accepted",
        /// They took what was free for the first to book it.
        Booked = "booked",
        /// Free of charge: the place is kept.
        Declined = "declined",
        /// Silent once: to the tail.
        Missed = "missed",
        /// Silent twice.
        Lapsed = "lapsed",
        Rejoined = "rejoined",
        /// The offer was taken back for a reason that is not theirs, such as a pause.
        Withdrawn = "withdrawn",
        Blocked = "blocked",
        Reinstated = "reinstated",
        Left = "left",
        WindowPassed = "window_passed",
    }
}

/// The event cannot happen to an entry in that state.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{}, so {}", stands(*.from), impossible(*.event))]
pub struct EntryRefused {
    pub from: EntryState,
    pub event: EntryEvent,
}

fn stands(state: EntryState) -> &'static str {
    match state {
        EntryState::Waiting => "this place on the waitlist is being kept",
        EntryState::Offered => "this place on the waitlist has an offer that waits for an answer",
        EntryState::Fulfilled => "this wish has come true",
        EntryState::Lapsed => "two offers for this place on the waitlist got no answer",
        EntryState::Left => "this place on the waitlist was given up",
        EntryState::Closed => "this wish could no longer be met",
        EntryState::Blocked => "the branch looks at this place on the waitlist first",
    }
}

fn impossible(event: EntryEvent) -> &'static str {
    match event {
        EntryEvent::Offered => "nothing can be offered for it",
        EntryEvent::Accepted | EntryEvent::Booked => "it cannot become a booking",
        EntryEvent::Declined | EntryEvent::Missed | EntryEvent::Lapsed | EntryEvent::Withdrawn => {
            "there is no offer to end"
        }
        EntryEvent::Rejoined | EntryEvent::Reinstated => "it cannot be taken again",
        EntryEvent::Blocked => "it cannot be held back",
        EntryEvent::Left => "it cannot be given up",
        EntryEvent::WindowPassed => "it cannot be closed",
    }
}

impl EntryState {
    /// Follows one event, or refuses it. The table below is the whole lifecycle.
    pub fn after(self, event: EntryEvent) -> Result<Self, EntryRefused> {
        use EntryEvent as E;
        match (self, event) {
            (Self::Waiting, E::Offered) => Ok(Self::Offered),
            (Self::Offered, E::Accepted) | (Self::Waiting, E::Booked) => Ok(Self::Fulfilled),
            (Self::Offered, E::Declined | E::Missed | E::Withdrawn) => Ok(Self::Waiting),
            (Self::Offered, E::Lapsed) => Ok(Self::Lapsed),
            (Self::Lapsed, E::Rejoined) => Ok(Self::Waiting),
            (Self::Waiting | Self::Offered, E::Blocked) => Ok(Self::Blocked),
            (Self::Blocked, E::Reinstated) => Ok(Self::Waiting),
            (Self::Waiting | Self::Offered | Self::Blocked, E::Left) => Ok(Self::Left),
            (Self::Waiting | Self::Offered | Self::Blocked, E::WindowPassed) => Ok(Self::Closed),
            (from, event) => Err(EntryRefused { from, event }),
        }
    }

    /// Whether it counts against the limits of W2.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Waiting | Self::Offered | Self::Blocked)
    }
}

/// What silence does to an entry (W13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    ToTail,
    Lapse,
}

/// After an offer nobody answered; `missed_before` are those before it.
pub fn silence(missed_before: u32) -> Silence {
    match missed_before {
        0 => Silence::ToTail,
        _ => Silence::Lapse,
    }
}

impl Silence {
    pub fn event(self) -> EntryEvent {
        match self {
            Self::ToTail => EntryEvent::Missed,
            Self::Lapse => EntryEvent::Lapsed,
        }
    }
}

/// A place in the queue; the lesser is asked first (W3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    priority: Reverse<i32>,
    seq: i64,
}

impl Place {
    /// `priority` is 0 unless staff gave one; `seq` comes from the database.
    pub fn new(priority: i32, seq: i64) -> Self {
        Self { priority: Reverse(priority), seq }
    }

    /// The position to show, from 1, among those who could take the same time.
    pub fn position(self, matching: impl IntoIterator<Item = Self>) -> usize {
        1 + matching.into_iter().filter(|other| *other < self).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn who_came_first_is_first_unless_staff_said_otherwise() {
        let mut queue = [Place::new(0, 1), Place::new(0, 2), Place::new(5, 3)];
        queue.sort();
        assert_eq!(queue, [Place::new(5, 3), Place::new(0, 1), Place::new(0, 2)]);
        assert_eq!(Place::new(0, 2).position(queue), 3);
        assert_eq!(Place::new(5, 3).position(queue), 1);
    }

    #[test]
    fn silence_is_forgiven_once() {
        let offered = EntryState::Offered;
        assert_eq!(offered.after(silence(0).event()), Ok(EntryState::Waiting));
        assert_eq!(offered.after(silence(1).event()), Ok(EntryState::Lapsed));
        assert_eq!(EntryState::Lapsed.after(EntryEvent::Rejoined), Ok(EntryState::Waiting));
    }

    #[test]
    fn a_refusal_is_a_sentence_that_a_customer_understands() {
        let refused = EntryState::Left.after(EntryEvent::Rejoined).unwrap_err();
        assert_eq!(refused.to_string(), "this place on the waitlist was given up, so it cannot be taken again");
    }

    #[test]
    fn a_blocked_person_gets_no_offer_until_reinstated() {
        let blocked = EntryState::Offered.after(EntryEvent::Blocked).unwrap();
        assert!(blocked.after(EntryEvent::Offered).is_err());
        assert_eq!(blocked.after(EntryEvent::Reinstated), Ok(EntryState::Waiting));
    }

    proptest! {
        #[test]
        fn nobody_is_served_twice(events in proptest::collection::vec(proptest::sample::select(EntryEvent::ALL), 0..40)) {
            let (mut state, mut served) = (EntryState::Waiting, 0);
            for event in events {
                let next = state.after(event).unwrap_or(state);
                served += u32::from(next == EntryState::Fulfilled && state != next);
                state = next;
            }
            prop_assert!(served <= 1);
        }
    }
}
