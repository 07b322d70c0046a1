//! The one-machine platform: everything that Forecourt needs around it, started
//! privately inside one data folder, and Forecourt itself on top.
//!
//! [`Services`] are the surroundings (database, queue, bucket, mail inbox), for
//! tests that bring their own processes. [`Platform`] runs the front and the
//! workers on them as real processes.

mod account;
mod banner;
mod bucket;
mod console;
mod data_dir;
mod inbox;
mod keeper;
mod leftover;
mod options;
pub mod picture;
mod platform;
mod port;
mod postgres;
mod process;
mod redis;
mod secret;
mod services;
mod signal;
pub mod story;
pub mod tiny_model;
mod verified;
mod watchdog;

pub use self::{
    banner::Banner,
    bucket::{BUCKET, Bucket, REGION},
    console::Console,
    data_dir::DataDir,
    inbox::{Attachment, Inbox, Mail},
    options::{Flags, Options},
    platform::{Admin, Platform},
    port::Ports,
    postgres::{Durability, Postgres},
    process::{Process, Program, State},
    redis::Redis,
    secret::Secrets,
    services::{BucketAccess, Given, Services, Setup, variable},
    signal::until_told_to_end,
};
pub use nix::sys::signal::Signal;
