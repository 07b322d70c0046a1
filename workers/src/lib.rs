//! How what was asked is done: one module per subject, the same subjects as in
//! `jobs`, and one binary per pool under `src/bin/`.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may stop at a surprise"))]

mod context;
mod perform;
mod pool;
mod registry;
pub mod vision;

use jobs::Queue;
use platform::probe::Probe;

pub use context::Context;
pub use perform::{Finished, JobError, Perform, Work};
pub use pool::Pool;
pub use registry::{Performer, Registry};

/// Every kind of job and the code behind it.
pub fn registry() -> Registry {
    Registry::default()
}

/// The whole life of a pool's process.
///
/// # Errors
/// Names every setting that is wrong, or an address that cannot be listened on.
pub async fn run(queue: Queue) -> anyhow::Result<()> {
    platform::log::start();
    platform::metric::start();
    let (context, concurrency) = Context::from_env(queue).await?;
    let stop = platform::signal::stop_token()?;
    if let Some(listen) = context.settings.probe_listen {
        tokio::spawn(Probe::new(context.db.clone(), stop.clone()).serve(listen));
    }
    tracing::info!(%queue, concurrency, "working");
    let grace = context.settings.shutdown_grace;
    Pool::serve(queue, concurrency, context, registry(), stop, grace).await?;
    tracing::info!(%queue, "stopped");
    Ok(())
}
