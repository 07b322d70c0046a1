//! The `booking` pool.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    workers::run(jobs::Queue::Booking).await
}
