use std::time::{Duration, Instant};

/// Waits until `look` finds what it looks for.
///
/// # Panics
/// After 20 seconds, naming `fact`.
pub async fn until<T, Fut>(fact: &str, look: impl Fn() -> Fut) -> T
where
    Fut: Future<Output = Option<T>>,
{
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "waited in vain until {fact}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
