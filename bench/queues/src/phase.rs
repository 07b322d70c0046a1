//! What every queue is measured by.

use std::time::Instant;

use anyhow::Result;
use serde::Serialize;
use tokio::task::JoinSet;

/// A part of the work that is timed by itself.
pub(crate) struct Phase {
    name: &'static str,
    jobs: usize,
    started: Instant,
}

impl Phase {
    pub(crate) fn start(name: &'static str, jobs: usize) -> Self {
        Self { name, jobs, started: Instant::now() }
    }

    /// Prints how fast it was.
    ///
    /// # Errors
    /// Never: a line of numbers always serialises.
    pub(crate) fn end(self) -> Result<()> {
        #[derive(Serialize)]
        struct Line {
            phase: &'static str,
            jobs: usize,
            seconds: f64,
            /// Jobs per second.
            rate: f64,
        }
        let Self { name, jobs, started } = self;
        let seconds = started.elapsed().as_secs_f64();
        let line = Line { phase: name, jobs, seconds, rate: jobs as f64 / seconds };
        println!("{}", serde_json::to_string(&line)?);
        Ok(())
    }
}

/// Does `one` for every job, so many clients at a time, each with its next job as soon as the last is done.
///
/// # Errors
/// The first error of any client.
pub(crate) async fn one_by_one<F>(
    jobs: usize,
    clients: usize,
    one: impl Fn() -> F + Clone + Send + 'static,
) -> Result<()>
where
    F: Future<Output = Result<()>> + Send,
{
    let mut running = JoinSet::new();
    for client in 0..clients {
        let one = one.clone();
        running.spawn(async move {
            for _ in (client..jobs).step_by(clients) {
                one().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(client) = running.join_next().await {
        client??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn the_clients_together_do_every_job_once() -> Result<()> {
        let done = Arc::new(AtomicUsize::new(0));
        let count = done.clone();
        one_by_one(10, 4, move || {
            let count = count.clone();
            async move {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        })
        .await?;
        assert_eq!(done.load(Ordering::Relaxed), 10);
        Ok(())
    }
}
