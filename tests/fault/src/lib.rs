//! Fault tests: real processes on real servers, real faults, and a checker that believes nobody
//! but the clients, the mail inbox, the bucket and the database.
//!
//! A run has one seed. Every scenario plays a seeded load, injects its fault, heals, waits until
//! nothing is left to do, and counts. See `docs/RELIABILITY.md` for what the counters mean.

pub mod cast;
pub mod check;
pub mod client;
pub mod database;
pub mod dice;
pub mod ground;
pub mod ledger;
pub mod load;
pub mod photos;
pub mod proxy;
pub mod run;
pub mod scenario;
pub mod stage;
pub mod table;
pub mod wait;
