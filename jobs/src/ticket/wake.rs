//! Wake-ups: a message to every worker of a queue that there are tickets.
//!
//! Where one worker listens the message goes before the tickets and says what they will say, and the worker works on that at once:
//! a way to Redis and back less. The tickets follow a moment later, many jobs on each, with a message of their own; the worker
//! drops what it has heard of. Where several listen they would all claim the same jobs, so there is only the message behind
//! the tickets, and only a ticket says which.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::channel::mpsc;
use uuid::Uuid;

use super::Place;
use crate::{Queue, pubsub};

/// What is sent: the ids, or nothing but that there are tickets. Releases before November 2026 send `1` and read nothing.
pub(super) fn message(ids: &[Uuid]) -> String {
    if ids.is_empty() { "1".to_owned() } else { serde_json::json!(ids).to_string() }
}

fn read(message: &[u8]) -> Vec<Uuid> {
    serde_json::from_slice(message).unwrap_or_default()
}

/// Who listens now.
struct Listener {
    poll: mpsc::Sender<()>,
    /// Whether the ids were taken.
    hear: Box<dyn Fn(Vec<Uuid>) -> bool + Send>,
}

/// Wake-ups from Redis, for whichever apalis worker runs now.
#[derive(Clone)]
pub(super) struct Wakes(Arc<Mutex<Option<Listener>>>);

impl Wakes {
    pub(super) fn subscribe(place: &Place, queue: Queue) -> anyhow::Result<Self> {
        let wakes = Self(Arc::default());
        let current = wakes.clone();
        pubsub::subscribe(&place.redis_url, place.wake_channel(queue), move |message| {
            current.hear(read(message.value.as_bytes().unwrap_or_default()));
        })?;
        Ok(wakes)
    }

    fn hear(&self, ids: Vec<Uuid>) {
        let mut current = self.lock();
        let Some(listener) = &mut *current else { return };
        if ids.is_empty() || !(listener.hear)(ids) {
            // Full means that a look is to come already.
            let _ = listener.poll.try_send(());
        }
    }

    /// From now on `hear` gets the ids that wake-ups name and tells whether it took them, and the receiver gets word to look
    /// for tickets.
    pub(super) fn listen(&self, hear: impl Fn(Vec<Uuid>) -> bool + Send + 'static) -> mpsc::Receiver<()> {
        let (poll, receiver) = mpsc::channel(1);
        *self.lock() = Some(Listener { poll, hear: Box::new(hear) });
        receiver
    }

    /// The subscription lives as long as the process; whoever listened to it need not.
    pub(super) fn end(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Listener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ids that a wake-up named and whose ticket has not come yet. Some never do, so only the last few thousand are kept.
#[derive(Default)]
pub(super) struct Heard(Mutex<[HashSet<Uuid>; 2]>);

impl Heard {
    const MOST: usize = 2_000;

    pub(super) fn note(&self, ids: &[Uuid]) {
        let [new, old] = &mut *self.lock();
        if new.len() + ids.len() > Self::MOST {
            *old = std::mem::take(new);
        }
        new.extend(ids);
    }

    /// Leaves only what was not heard of; the rest is forgotten.
    pub(super) fn drop_from(&self, ids: &mut Vec<Uuid>) {
        let [new, old] = &mut *self.lock();
        ids.retain(|id| !new.remove(id) && !old.remove(id));
    }

    fn lock(&self) -> MutexGuard<'_, [HashSet<Uuid>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_names_jobs_or_none_and_words_of_another_release_name_none() {
        let ids = [Uuid::now_v7(), Uuid::now_v7()];
        assert_eq!(read(message(&ids).as_bytes()), ids);
        for silent in [message(&[]).as_str(), "", "[\"a job\"]"] {
            assert_eq!(read(silent.as_bytes()), Vec::<Uuid>::new());
        }
    }

    #[test]
    fn what_was_heard_of_is_dropped_once_and_not_kept_for_ever() {
        let heard = Heard::default();
        let ids: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
        heard.note(&ids[..2]);
        let mut first = ids.clone();
        heard.drop_from(&mut first);
        assert_eq!(first, ids[2..]);
        let mut again = ids.clone();
        heard.drop_from(&mut again);
        assert_eq!(again, ids, "a second ticket is another matter");
        for _ in 0..10 * Heard::MOST {
            heard.note(&[Uuid::now_v7()]);
        }
        assert!(heard.lock().iter().map(HashSet::len).sum::<usize>() <= 2 * Heard::MOST);
    }
}
