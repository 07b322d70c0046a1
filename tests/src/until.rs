use std::time::{Duration, Instant};

/// Photos that are looked at without optimisation take their time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `look` finds what it looks for.
///
/// # Panics
/// After a minute, naming `fact`.
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
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
