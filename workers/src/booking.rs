//! Bookings: asked for, called off, given up on.

mod alternative;
mod cancel;
mod request;
