//! The bed that every whole-platform test lies in: real servers, shared by all
//! tests of a run, and for each test a database of its own and a prefix of its
//! own for everything in Redis. So tests run side by side and nothing is flushed.

#![expect(clippy::unwrap_used, reason = "a test may stop at a surprise")]

mod ask;
mod bed;
pub mod house;
mod until;

pub use ask::{done, refused};
pub use bed::{Bed, bed, services};
pub use house::House;
pub use until::until;
