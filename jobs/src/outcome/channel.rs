//! Redis pub/sub (fred) from the worker that finished a job to the front that waits.
//!
//! Losing a message costs the asker patience, never an answer: the front reads
//! the row at its deadline.

use std::{collections::HashMap, sync::Arc, time::Duration};

use fred::prelude::PubsubInterface;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::Outcome;
use crate::{
    let_others_come_along,
    pubsub::{connect, subscribe},
};

/// Outcomes that are told of at a time.
const AT_ONCE: usize = 1024;

#[derive(Serialize, Deserialize)]
struct Message<O> {
    job: Uuid,
    outcome: O,
}

fn channel(prefix: &str, front: &str) -> String {
    format!("{prefix}outcome:{front}")
}

/// The worker's side. Publishing never delays or fails a job.
#[derive(Clone)]
pub struct Publisher {
    queue: mpsc::Sender<(String, String)>,
}

impl Publisher {
    /// Connects in the background; Redis may be away.
    ///
    /// # Errors
    /// When `url` is no Redis URL.
    pub fn connect(url: &str, prefix: &str) -> anyhow::Result<Self> {
        let client = connect(url)?;
        let (queue, mut messages) = mpsc::channel::<(String, String)>(AT_ONCE);
        let prefix = prefix.to_owned();
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while messages.recv_many(&mut batch, AT_ONCE).await > 0 {
                let_others_come_along(&mut messages, &mut batch, AT_ONCE).await;
                for (front, message) in by_front(batch.drain(..)) {
                    let sent: Result<(), _> = client.publish(channel(&prefix, &front), message).await;
                    if let Err(error) = sent {
                        tracing::debug!(%error, "outcomes were not published");
                    }
                }
            }
        });
        Ok(Self { queue })
    }

    /// Tells the front named `front` how `job` ended. A full channel drops the message.
    pub fn publish(&self, front: &str, job: Uuid, outcome: &Outcome) {
        if let Ok(text) = serde_json::to_string(&Message { job, outcome }) {
            let _ = self.queue.try_send((front.to_owned(), text));
        }
    }
}

/// Jobs that end together are told of together: one JSON list for each front.
fn by_front(messages: impl Iterator<Item = (String, String)>) -> HashMap<String, String> {
    let mut lists: HashMap<String, String> = HashMap::new();
    for (front, message) in messages {
        let list = lists.entry(front).or_default();
        list.push(if list.is_empty() { '[' } else { ',' });
        list.push_str(&message);
    }
    lists.values_mut().for_each(|list| list.push(']'));
    lists
}

type Waiting = Arc<std::sync::Mutex<HashMap<Uuid, oneshot::Sender<Outcome>>>>;

/// The front's side: who waits for which job.
#[derive(Clone)]
pub struct Waiters {
    front: Arc<str>,
    waiting: Waiting,
}

impl Waiters {
    /// Subscribes in the background under a name of its own; Redis may be away.
    ///
    /// # Errors
    /// When `url` is no Redis URL.
    pub fn connect(url: &str, prefix: &str) -> anyhow::Result<Self> {
        let front: Arc<str> = Uuid::now_v7().simple().to_string().into();
        let waiting = Waiting::default();
        let heard = waiting.clone();
        subscribe(url, channel(prefix, &front), move |message| deliver(message, &heard))?;
        Ok(Self { front, waiting })
    }

    /// The name that a job row carries in `reply_to`.
    pub fn front(&self) -> &str {
        &self.front
    }

    /// Starts to wait. Call this before the job is accepted, or a fast worker's outcome is missed.
    pub fn wait_for(&self, job: Uuid) -> Waiter {
        let (sender, outcome) = oneshot::channel();
        self.lock().insert(job, sender);
        Waiter { job, outcome, waiters: self.clone() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, oneshot::Sender<Outcome>>> {
        self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn deliver(message: &fred::types::Message, waiting: &Waiting) {
    let Some(text) = message.value.as_str() else { return };
    let Ok(messages) = serde_json::from_str::<Vec<Message<Outcome>>>(&text) else { return };
    let mut waiting = waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for Message { job, outcome } in messages {
        if let Some(waiter) = waiting.remove(&job) {
            let _ = waiter.send(outcome);
        }
    }
}

/// One asker's patience. Dropping it stops the waiting.
pub struct Waiter {
    job: Uuid,
    outcome: oneshot::Receiver<Outcome>,
    waiters: Waiters,
}

impl Waiter {
    /// The outcome, or `None` when it did not come within `patience`.
    pub async fn wait(mut self, patience: Duration) -> Option<Outcome> {
        tokio::time::timeout(patience, &mut self.outcome).await.ok()?.ok()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.waiters.lock().remove(&self.job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_together_is_one_list_for_each_front() {
        let messages = [("a", "1"), ("b", "2"), ("a", "3")].map(|(front, text)| (front.to_owned(), text.to_owned()));
        let lists = by_front(messages.into_iter());
        assert_eq!((lists["a"].as_str(), lists["b"].as_str()), ("[1,3]", "[2]"));
    }
}
