//! The `thumbnail` pool.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    workers::run(jobs::Queue::Thumbnail).await
}
