//! The `damage` pool.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    workers::run(jobs::Queue::Damage).await
}
