//! What an asker is shown: one document per subject.
//!
//! The front shows these when something is read, and a worker writes the same
//! ones as the outcome of a job, so a thing looks alike however it was reached.
//! Never an entity: what a document holds is chosen here.

pub mod account;
pub mod booking;
pub mod branch;
pub mod car;
pub mod damage;
pub mod job;
pub mod money;
pub mod notification;
mod quote;
pub mod rental;
pub mod waitlist;
mod word;

pub use money::Money;
pub use quote::{Quote, QuoteLine};
pub use word::Word;
