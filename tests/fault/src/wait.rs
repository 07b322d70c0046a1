//! Waiting for a fact instead of for a while.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks until there is something to see, or patience is over: then `None`.
///
/// # Errors
/// Those of looking.
pub async fn until<T>(patience: Duration, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let deadline = Instant::now() + patience;
    loop {
        match look().await? {
            None if Instant::now() < deadline => sleep(PAUSE).await,
            seen => return Ok(seen),
        }
    }
}

/// As [`until`], for what may fail at first: the last error is told when patience is over.
///
/// # Errors
/// That of the last look.
pub async fn until_ok<T>(patience: Duration, mut look: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        match look().await {
            Err(_) if Instant::now() < deadline => sleep(PAUSE).await,
            ended => return ended,
        }
    }
}
