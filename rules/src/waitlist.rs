//! Who waits for a car, and who is asked when time frees up.

mod answer;
mod entry;
mod explain;
mod gap;
mod join;
mod offer;
mod terms;
mod wish;
mod words;

pub use answer::{Answer, Moment, answer};
pub use entry::{EntryEvent, EntryRefused, EntryState, Place, Silence, silence};
pub use explain::{Considered, Fared, explain, explained};
pub use gap::{Gap, PATIENCE, Whereabouts, gaps};
pub use join::{JoinFacts, JoinRefused, join};
pub use offer::{OfferEvent, OfferRefused, OfferState, has_expired};
pub use terms::{Deadline, Terms, deadline, reminder_at};
pub use wish::{Fit, Reach, Wish, fit};
pub use words::{Missed, differences, facts, moment};
