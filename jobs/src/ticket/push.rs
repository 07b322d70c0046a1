//! Pushing tickets, in the background and in batches.

use std::time::Duration;

use apalis::prelude::TaskSink;
use apalis_redis::RedisStorage;
use redis::aio::ConnectionManager;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use uuid::Uuid;

use super::{Place, WINDOW, wake};
use crate::{Queue, fault, let_others_come_along};

/// Jobs that are hurried to at a time.
const AT_ONCE: usize = 256;

/// How long one push may take before it is given up; the sweep of the ledger finds its jobs.
const PUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the tickets of jobs that a wake-up has named wait for more of them: fewer tickets then name as many jobs.
const OWED: Duration = Duration::from_millis(20);

/// How long a window that was full is taken for full.
const FULL: Duration = Duration::from_millis(20);

/// Pushes tickets without ever making the caller wait or fail.
#[derive(Clone)]
pub struct Tickets {
    lanes: [mpsc::Sender<Uuid>; Queue::ALL.len()],
}

impl Tickets {
    /// Starts the background pushing. Redis may be away.
    ///
    /// # Errors
    /// When the URL is no Redis URL.
    pub fn start(place: &Place) -> redis::RedisResult<Self> {
        let mut lanes = Vec::new();
        for queue in Queue::ALL {
            let (sender, ids) = mpsc::channel(4096);
            tokio::spawn(push_all(Pusher::new(place, queue)?, ids));
            lanes.push(sender);
        }
        Ok(Self { lanes: lanes.try_into().unwrap_or_else(|_| unreachable!("one lane was made per queue")) })
    }

    /// Hurries workers of `queue` to the job. When too much is on its way already,
    /// the job waits for the sweep of the ledger instead.
    pub fn push(&self, queue: Queue, job: Uuid) {
        if let Some(at) = Queue::ALL.iter().position(|each| *each == queue) {
            let _ = self.lanes[at].try_send(job);
        }
    }
}

async fn push_all(mut pusher: Pusher, mut ids: mpsc::Receiver<Uuid>) {
    let mut batch = Vec::new();
    loop {
        let receiving = ids.recv_many(&mut batch, AT_ONCE);
        let received = match pusher.due {
            Some(due) => timeout_at(due, receiving).await,
            None => Ok(receiving.await),
        };
        if received == Ok(0) {
            return;
        }
        let_others_come_along(&mut ids, &mut batch, AT_ONCE).await;
        fault::crash_point("before_push");
        pusher.try_to_push(&batch).await;
        fault::crash_point("after_push");
        batch.clear();
    }
}

/// One queue's way into Redis.
struct Pusher {
    place: Place,
    queue: Queue,
    storage: RedisStorage<Value>,
    connection: ConnectionManager,
    wake_channel: String,
    active: String,
    scheduled: String,
    learnt: Option<Learnt>,
    /// Named by a wake-up and by no ticket yet.
    owed: Vec<Uuid>,
    /// When those get their tickets.
    due: Option<Instant>,
}

/// What the last push brought back.
struct Learnt {
    /// How many more tickets fit into the window.
    room: usize,
    /// How many workers were woken.
    woken: u64,
    at: Instant,
}

impl Learnt {
    /// There were so many tickets active and scheduled, and so many workers were woken.
    fn now((active, scheduled): (u64, u64), woken: u64) -> Self {
        let room = if fault::removed("ticket_window") { u64::MAX } else { WINDOW.saturating_sub(active + scheduled) };
        Self { room: usize::try_from(room).unwrap_or(usize::MAX), woken, at: Instant::now() }
    }

    fn still_holds(&self) -> bool {
        self.room > 0 || self.at.elapsed() < FULL
    }
}

impl Pusher {
    fn new(place: &Place, queue: Queue) -> redis::RedisResult<Self> {
        let (config, connection) = (place.config(queue), place.connect()?);
        Ok(Self {
            place: place.clone(),
            queue,
            storage: RedisStorage::new(connection.clone()).with_config(config.clone()),
            connection,
            wake_channel: place.wake_channel(queue),
            active: config.active_jobs_list(),
            scheduled: config.scheduled_jobs_set(),
            learnt: None,
            owed: Vec::new(),
            due: None,
        })
    }

    /// How many more tickets fit into the window. Whether anybody listens shows when somebody is woken.
    async fn look(&mut self) -> redis::RedisResult<Learnt> {
        let counts = redis::pipe().llen(&self.active).zcard(&self.scheduled).query_async(&mut self.connection).await?;
        Ok(Learnt::now(counts, 0))
    }

    /// Pushes within [`PUSH_TIMEOUT`] or not at all: the sweep of the ledger finds the jobs, so nothing is kept due that would be
    /// tried without a pause. The next push has a connection of its own, because this one may be silent for ever.
    async fn try_to_push(&mut self, ids: &[Uuid]) {
        let pushed = timeout(PUSH_TIMEOUT, self.push(ids)).await;
        if let Ok(Ok(())) = pushed {
            return;
        }
        tracing::debug!(?pushed, "tickets were not pushed");
        if let Ok(afresh) = Self::new(&self.place, self.queue) {
            *self = afresh;
        }
    }

    /// Hurries workers to as many of `ids` as the window has room for, and pushes the tickets that are due. What room there is
    /// was learnt with the push before: others push too, so the window may be exceeded by one push of each.
    async fn push(&mut self, ids: &[Uuid]) -> anyhow::Result<()> {
        let learnt = match self.learnt.take() {
            Some(learnt) if learnt.still_holds() => learnt,
            _ => self.look().await?,
        };
        let room = learnt.room.saturating_mul(self.queue.ids_per_ticket()).saturating_sub(self.owed.len());
        let ids = &ids[..ids.len().min(room)];
        self.owed.extend_from_slice(ids);
        // The only worker there is need not look up what the tickets say. Several would all claim the same.
        let alone = learnt.woken == 1;
        self.learnt = Some(learnt);
        if alone && !ids.is_empty() {
            self.due.get_or_insert_with(|| Instant::now() + OWED);
            self.learnt = Some(self.wake(wake::message(ids)).await?);
        }
        if !alone || self.due.is_some_and(|due| due <= Instant::now()) {
            self.push_owed().await?;
        }
        Ok(())
    }

    /// Tickets, then a wake-up: both go over one connection, so in this order, and who is woken finds the tickets.
    async fn push_owed(&mut self) -> anyhow::Result<()> {
        self.due = None;
        let owed = std::mem::take(&mut self.owed);
        if owed.is_empty() {
            return Ok(());
        }
        let tickets: Vec<Value> = owed.chunks(self.queue.ids_per_ticket()).map(|ids| json!(ids)).collect();
        let mut storage = self.storage.clone();
        let (pushed, learnt) = tokio::join!(storage.push_bulk(tickets), self.wake(wake::message(&[])));
        pushed.map_err(|error| anyhow::anyhow!("{error}"))?;
        self.learnt = Some(learnt?);
        Ok(())
    }

    async fn wake(&mut self, message: String) -> redis::RedisResult<Learnt> {
        let mut wake_then_count = redis::pipe();
        wake_then_count.publish(&self.wake_channel, message).llen(&self.active).zcard(&self.scheduled);
        let (woken, active, scheduled) = wake_then_count.query_async(&mut self.connection).await?;
        Ok(Learnt::now((active, scheduled), woken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_pushed_is_not_due_any_more() -> redis::RedisResult<()> {
        // Nobody listens there.
        let place = Place { redis_url: "redis://127.0.0.1:9".to_owned(), prefix: String::new() };
        let mut pusher = Pusher::new(&place, Queue::Booking)?;
        (pusher.owed, pusher.due) = (vec![Uuid::now_v7()], Some(Instant::now()));
        pusher.try_to_push(&[]).await;
        assert!(pusher.due.is_none() && pusher.owed.is_empty());
        Ok(())
    }
}
