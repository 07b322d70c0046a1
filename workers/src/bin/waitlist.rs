//! The `waitlist` pool.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    workers::run(jobs::Queue::Waitlist).await
}
