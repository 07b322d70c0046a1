//! Pushing tickets, in the background and in batches.

use std::time::Duration;

use apalis::prelude::TaskSink;
use apalis_redis::RedisStorage;
use redis::aio::ConnectionManager;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Place, WINDOW, wake};
use crate::{Queue, fault};

/// How long one push may take before it is given up; the sweep of the ledger finds its jobs.
const PUSH_TIMEOUT: Duration = Duration::from_secs(2);

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
    while ids.recv_many(&mut batch, 256).await > 0 {
        fault::crash_point("before_push");
        let pushed = tokio::time::timeout(PUSH_TIMEOUT, pusher.push(&batch)).await;
        if let Ok(Err(error)) = pushed {
            tracing::debug!(%error, "tickets were not pushed; the sweep finds their jobs");
        }
        fault::crash_point("after_push");
        batch.clear();
    }
}

/// One queue's way into Redis.
struct Pusher {
    queue: Queue,
    storage: RedisStorage<Value>,
    connection: ConnectionManager,
    wake_channel: String,
    active: String,
    scheduled: String,
    learnt: Option<Learnt>,
}

/// What the last push brought back.
struct Learnt {
    /// How many more tickets fit into the window.
    room: u64,
    /// How many workers were woken.
    woken: u64,
}

/// What is left of the window beside so many tickets that are active and scheduled.
fn room_beside((active, scheduled): (u64, u64)) -> u64 {
    if fault::removed("ticket_window") {
        return u64::from(u32::MAX);
    }
    WINDOW.saturating_sub(active + scheduled)
}

impl Pusher {
    fn new(place: &Place, queue: Queue) -> redis::RedisResult<Self> {
        let (config, connection) = (place.config(queue), place.connect()?);
        Ok(Self {
            queue,
            storage: RedisStorage::new(connection.clone()).with_config(config.clone()),
            connection,
            wake_channel: place.wake_channel(queue),
            active: config.active_jobs_list(),
            scheduled: config.scheduled_jobs_set(),
            learnt: None,
        })
    }

    /// How many more tickets fit into the window. Whether anybody listens shows when somebody is woken.
    async fn look(&mut self) -> redis::RedisResult<Learnt> {
        let counts = redis::pipe().llen(&self.active).zcard(&self.scheduled).query_async(&mut self.connection).await?;
        Ok(Learnt { room: room_beside(counts), woken: 0 })
    }

    /// Pushes as many of `ids` as the window has room for, and wakes the workers. What room there is was learnt with
    /// the push before: others push too, so the window may be exceeded by one push of each.
    async fn push(&mut self, ids: &[Uuid]) -> anyhow::Result<()> {
        let learnt = match self.learnt.take() {
            Some(learnt) => learnt,
            None => self.look().await?,
        };
        let room = usize::try_from(learnt.room).unwrap_or(usize::MAX);
        let named: Vec<&[Uuid]> = ids.chunks(self.queue.ids_per_ticket()).take(room).collect();
        if named.is_empty() {
            return Ok(());
        }
        // The only worker there is need not look up what the tickets say. Several would all claim the same.
        let alone = learnt.woken == 1;
        let wake_up = wake::message(&if alone { named.concat() } else { Vec::new() });
        let tickets: Vec<Value> = named.into_iter().map(|ids| json!(ids)).collect();
        let not_counted = if alone { tickets.len() as u64 } else { 0 };
        let mut wake_then_count = redis::pipe();
        wake_then_count.publish(&self.wake_channel, wake_up).llen(&self.active).zcard(&self.scheduled);
        let (pushing, waking) = (self.storage.push_bulk(tickets), wake_then_count.query_async(&mut self.connection));
        // Both go over one connection, so in this order: one way instead of two. Who must look finds the tickets.
        let (pushed, counts) = if alone {
            let (counts, pushed) = tokio::join!(waking, pushing);
            (pushed, counts)
        } else {
            tokio::join!(pushing, waking)
        };
        pushed.map_err(|error| anyhow::anyhow!("{error}"))?;
        let (woken, active, scheduled): (u64, u64, u64) = counts?;
        self.learnt = Some(Learnt { room: room_beside((active + not_counted, scheduled)), woken });
        Ok(())
    }
}
