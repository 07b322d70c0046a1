//! Bookings, from the wish to the key: asked for, changed, called off, and kept when a car fails.

mod alternative;
mod cancel;
mod change;
mod conflict;
mod fresh;
mod lock;
mod overdue;
mod price;
mod request;

pub(crate) use conflict::{conflict, helped_by, stranded, unresolved};
pub(crate) use fresh::{Fresh, book, obstacle};
pub(crate) use lock::{Locked, lock};
