//! The whole platform under test: real PostgreSQL, Redis, S3 and SMTP, real front, real workers.

#![expect(clippy::unwrap_used, reason = "a test may stop at a surprise")]

mod accept;
mod account;
mod answer;
mod booking;
mod database;
mod document;
mod ledger;
mod notify;
mod offer;
mod ops;
mod outage;
mod rental;
mod scope;
mod waitlist;
mod wire;
