//! The rental itself: the car goes out, comes back, and a person decides what it looks like.

mod case;
mod decide;
mod give_back;
mod open;
mod pick_up;
mod report;
mod time;

pub(crate) use case::illegal;
pub(crate) use pick_up::withheld;
pub(crate) use report::REPORT_PATIENCE;
