//! The decisions of the rental business, and nothing else.
//!
//! No clock, no database, no queue: callers pass in what they know and act on
//! the answer. `Cargo.toml` keeps it that way.
//!
//! Numbers such as "24 hours" are defaults that configuration may replace;
//! rule names like W9 or R4 are those of the written business rules.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may stop at a surprise"))]

#[macro_use]
mod word;

pub mod account;
pub mod booking;
pub mod cancellation;
pub mod car;
pub mod damage;
pub mod line;
pub mod money;
pub mod period;
pub mod photo;
pub mod pricing;
pub mod problem;
pub mod rental;
pub mod waitlist;

pub use word::{UnknownWord, Vocabulary};
