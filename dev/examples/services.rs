//! Runs the services in one data folder until it is killed, and says where they
//! are: `cargo run -p dev --example services -- DIR`

use anyhow::{Context, Result};
use dev::{DataDir, Services, Setup};

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("name the data folder")?;
    let data_dir = DataDir::open(folder)?;
    let services = Services::start(&data_dir, Setup::default()).await?;
    println!("{} {} {}", services.database_url("forecourt"), services.redis_url(), services.smtp_url());
    std::future::pending().await
}
