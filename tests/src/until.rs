use std::time::{Duration, Instant};

/// Photos that are looked at without optimisation take their time on a busy machine: a minute was not enough beside a
/// run of all faults. Nobody waits so long for what happens.
const PATIENCE: Duration = Duration::from_secs(180);

/// Fifty who look a hundred times a second leave no connection to what they wait for.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Waits until `look` finds what it looks for.
///
/// # Panics
/// After three minutes, naming `fact`.
pub async fn until<T, Fut>(fact: &str, look: impl Fn() -> Fut) -> T
where
    Fut: Future<Output = Option<T>>,
{
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain until {fact}");
        tokio::time::sleep((began.elapsed() / 8).clamp(Duration::from_millis(10), LONGEST_PAUSE)).await;
    }
}
