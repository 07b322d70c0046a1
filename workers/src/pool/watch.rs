//! Handlers that never yield: each takes a thread along, and with the last one the whole process stands still.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jobs::Claimed;
use uuid::Uuid;

/// Between two looks. A process that was frozen is seen late once, and has let go by the second look.
const LOOK: Duration = Duration::from_secs(5);

/// When the time of each attempt is over, and its kind.
type Running = Mutex<HashMap<Attempt, (Instant, String)>>;

/// A job and the fence of the attempt at it: a process may claim a job again that it still works on.
type Attempt = (Uuid, i64);

/// Ends this process when an attempt goes on although its time is over. Nothing else gives its thread back;
/// the leases then run out like those of any process that died, and the job counts a crash.
#[derive(Clone)]
pub(super) struct Watch(Arc<Running>);

impl Watch {
    /// On a thread of its own, because those of the runtime are what it watches.
    pub(super) fn start() -> std::io::Result<Self> {
        let running: Arc<Running> = Arc::default();
        // Ends with the pool, whose side is the strong one.
        let watched = Arc::downgrade(&running);
        std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
            let mut before = Vec::new();
            while let Some(running) = watched.upgrade() {
                let late = late(&running);
                drop(running);
                if let Some(((id, _), kind)) = late.iter().find(|one| before.contains(*one)) {
                    tracing::error!(job.id = %id, job.kind = kind, "a job keeps its thread after its time; the process ends");
                    std::process::abort();
                }
                before = late;
                std::thread::sleep(LOOK);
            }
        })?;
        Ok(Self(running))
    }

    /// An attempt goes on although its time is over. One that yields is stopped within a moment.
    pub(super) fn sees_one_late(&self) -> bool {
        !late(&self.0).is_empty()
    }

    /// To be kept by the attempt itself: dropped when the attempt is over or was stopped.
    pub(super) fn begins(&self, job: &Claimed, timeout: Duration) -> Watched {
        self.watch((job.id, job.fence), &job.kind, timeout)
    }

    fn watch(&self, attempt: Attempt, kind: &str, timeout: Duration) -> Watched {
        let until = (Instant::now() + timeout, kind.to_owned());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt, until);
        Watched { watch: self.clone(), attempt }
    }
}

fn late(running: &Running) -> Vec<(Attempt, String)> {
    let (now, running) = (Instant::now(), running.lock().unwrap_or_else(PoisonError::into_inner));
    let late = running.iter().filter(|(_, (until, _))| *until < now);
    late.map(|(attempt, (_, kind))| (*attempt, kind.clone())).collect()
}

/// An attempt that goes on.
pub(super) struct Watched {
    watch: Watch,
    attempt: Attempt,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.attempt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_late_from_the_end_of_its_time_until_it_lets_go() {
        let watch = Watch(Arc::default());
        let attempt = |timeout| watch.watch((Uuid::now_v7(), 1), "test", timeout);
        let _in_time = attempt(Duration::from_secs(60));
        assert!(!watch.sees_one_late());
        let over = attempt(Duration::ZERO);
        assert!(watch.sees_one_late());
        drop(over);
        assert!(!watch.sees_one_late());
    }
}
