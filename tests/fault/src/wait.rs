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

/// For what always says something, if only not enough: how long it is asked again.
pub struct Patience {
    deadline: Instant,
    pause: Duration,
}

impl Patience {
    #[must_use]
    pub fn of(patience: Duration) -> Self {
        Self { deadline: Instant::now() + patience, pause: PAUSE }
    }

    /// Waits until it may be asked again, less and less often, because what is asked may be overloaded.
    /// `false`: patience is over.
    pub async fn again(&mut self) -> bool {
        if Instant::now() >= self.deadline {
            return false;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(5 * PAUSE);
        true
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
