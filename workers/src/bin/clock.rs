//! The clock: enqueues what is due by time of day.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    workers::clock::run().await
}
