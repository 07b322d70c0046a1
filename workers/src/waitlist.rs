//! Waiting for time that is taken: joining, being asked in turn, answering.
//!
//! Whoever writes here locks in one order: car, branch, account, entry, offer.
//! Everything that makes offers holds the lock of the car and then that of its
//! branch, so promotions of one branch happen one after the other: nobody is
//! asked twice, and nobody before their turn.

mod accept;
mod again;
mod book;
mod case;
mod close;
mod end;
mod grant;
mod join;
mod leave;
mod measure;
mod others;
mod pause;
mod promote;
mod queue;
mod revoke;
mod staff;
mod supply;
mod wish;

pub(crate) use close::close_all;
pub(crate) use join::wait_for_car;
pub(crate) use measure::offers;
pub(crate) use pause::withdraw;
pub use queue::SQL as WAITLIST_QUEUE;
