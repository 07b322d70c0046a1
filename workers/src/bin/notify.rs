//! The `notify` pool.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    workers::run(jobs::Queue::Notify).await
}
