//! The tables, one module each, and the queries that are shared between processes.
//!
//! The schema itself is the SQL of the crate `migration`; relations are written
//! as explicit queries, so that each one shows which index serves it.

pub mod account;
pub mod audit_log;
pub mod booking;
pub mod booking_change;
pub mod branch;
pub mod car;
pub mod damage;
pub mod damage_case;
pub mod damage_matrix;
pub mod decision_call;
pub mod delivery;
pub mod derivative;
pub mod job;
pub mod link;
pub mod notification;
pub mod odometer_reading;
pub mod photo;
mod quote;
pub mod refresh_token;
pub mod registration;
pub mod rental_return;
pub mod reservation;
pub mod session;
mod stored;
pub mod supply;
pub mod uncleared_return;
pub mod upload;
pub mod waitlist_entry;
pub mod waitlist_offer;
mod word;

pub use quote::Quote;
pub use stored::stored;
pub use word::Word;
