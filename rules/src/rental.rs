//! A car on its way out and back: photos, readings, lateness and the decision.
//!
//! Three things that are easily mixed up are kept apart (R4): *returned* ends the
//! renter's duty, *available* lets the next one have the car, *settled* is money.

mod due;
mod fuel;
mod late;
pub mod overdue;
mod session;
mod slot;
mod subject;
mod urgency;

pub use due::{decision_due_at, escalate_at, remind_at};
pub use fuel::{Fuel, FuelRefused};
pub use late::{Lateness, lateness};
pub use session::{Event, Refused, ReturnState, Verdict};
pub use slot::{Occasion, Slot, missing};
pub use subject::{Subject, subject};
pub use urgency::is_urgent;
