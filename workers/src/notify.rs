//! Telling people what happened: facts from the database, words from the
//! templates, and then the mail server.
//!
//! The three are kept apart so that every mail can be looked at and tested from
//! fixed facts, and so that no transaction is open while a server is talked to.

mod album;
mod announce;
mod call;
mod deliver;
mod digest;
mod digit;
mod facts;
mod flood;
mod notice;
mod page;
mod picture;
mod queue;
mod read;
mod render;
mod side;
mod template;
mod thread;
mod word;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
