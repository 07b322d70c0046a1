//! The rental itself: the car goes out, comes back, and a person decides what it looks like.

mod case;
mod decide;
mod report;
mod time;
