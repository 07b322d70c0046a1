//! Work that keeps a processor busy, beside the threads that answer.

use tokio::task::{JoinError, spawn_blocking};

/// Carries `work` out on a thread of its own that holds `place`, the right to do it, until it is done. Whoever waits may go
/// away, and the work goes on: were the place theirs, the next one would begin beside it, as often as somebody hangs up.
///
/// # Errors
/// When `work` panics.
pub async fn holding<P: Send + 'static, T: Send + 'static>(
    place: P,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    spawn_blocking(move || {
        let done = work();
        drop(place);
        done
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn the_place_of_whoever_hangs_up_is_kept_until_the_work_is_done() {
        let room = Arc::new(Semaphore::new(1));
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let working = holding(room.clone().acquire_owned().await.unwrap(), move || {
            begun.send(()).unwrap();
            ends.recv().unwrap();
        });
        tokio::select! {
            _ = working => panic!("it was not ended"),
            begun = begins.recv() => begun.unwrap(),
        }
        assert_eq!(room.available_permits(), 0);
        end.send(()).unwrap();
        drop(room.acquire().await.unwrap());
    }
}
