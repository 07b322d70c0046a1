//! Who waits for a car, and who is asked when time frees up.

mod entry;
mod join;
mod offer;
mod terms;
mod wish;

pub use entry::{EntryEvent, EntryRefused, EntryState, Place, Silence, silence};
pub use join::{JoinFacts, JoinRefused, join};
pub use offer::{OfferEvent, OfferRefused, OfferState, has_expired};
pub use terms::{Deadline, Terms, deadline, reminder_at};
pub use wish::{Fit, Wish, fit};
