//! The services as their users see them: over the wire, and across crashes.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod bucket;
mod inbox;
mod page;
mod restart;
mod server;

use dev::{DataDir, Given, Services, Setup};

/// Fresh services in a folder of their own.
async fn services() -> (DataDir, Services) {
    let data_dir = DataDir::scratch().unwrap();
    let services = Services::start(&data_dir, Setup::for_tests()).await.unwrap();
    (data_dir, services)
}

/// The bucket and the mail server alone, which need no database beside them.
async fn bucket_and_inbox() -> (DataDir, Services) {
    let data_dir = DataDir::scratch().unwrap();
    let services = Services::start(&data_dir, without_databases()).await.unwrap();
    (data_dir, services)
}

fn without_databases() -> Setup {
    let elsewhere = Some("elsewhere".to_owned());
    let given = Given { database_url: elsewhere.clone(), redis_url: elsewhere, ..Given::default() };
    Setup { given, ..Setup::for_tests() }
}
