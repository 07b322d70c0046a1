//! The bed that every whole-platform test lies in: real servers, shared by all
//! tests of a run, and for each test a database of its own and a prefix of its
//! own for everything in Redis. So tests run side by side and nothing is flushed.

#![expect(clippy::unwrap_used, reason = "a test may stop at a surprise")]

mod ask;
mod bed;
pub mod house;
pub mod plan;
mod until;
mod way;

pub use ask::{done, refused};
pub use bed::{Bed, bed, services};
pub use house::House;
pub use until::until;
pub use way::Way;

/// A price that the row of a booking can hold, for rows that no job wrote.
pub const QUOTE: &str = r#"{
    "lines": [], "days": 1, "subtotal": { "amount": 0, "currency": "EUR" }, "tax": { "amount": 0, "currency": "EUR" },
    "total": { "amount": 0, "currency": "EUR" }, "deposit": { "amount": 0, "currency": "EUR" }, "lateRule": ""
}"#;
