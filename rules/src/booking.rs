//! A booking: from the wish to drive to the car that is back and paid for.

mod change;
mod conflict;
mod dates;
mod number;
mod pickup;
mod status;

pub use change::{Change, ChangeReason, ChangeRefused, change};
pub use conflict::{Candidate, SOON, Situation, Threat, choose, risk_begins, threat};
pub use dates::{DateRefusal, Limits, dates, start};
pub use number::{BookingNumber, NumberRefused};
pub use pickup::{PickupRefused, no_show_at, pickup, pickup_opens_at};
pub use status::{BookingStatus, Event, Refused};
