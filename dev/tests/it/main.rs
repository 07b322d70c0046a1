//! The services as their users see them: over the wire, and across crashes.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod bucket;
mod inbox;
mod page;
mod restart;
mod server;

use dev::{DataDir, Services, Setup};

/// Fresh services in a folder of their own.
async fn services() -> (DataDir, Services) {
    let data_dir = DataDir::scratch().unwrap();
    let services = Services::start(&data_dir, Setup::for_tests()).await.unwrap();
    (data_dir, services)
}
