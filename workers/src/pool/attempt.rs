//! One attempt at a job, begun again when it had to give way.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jobs::{Claimed, Queue, fault};
use platform::Gather;
use tokio::{
    sync::{AcquireError, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use super::watch::Watch;
use crate::{
    Context, Finished, JobError, Registry,
    perform::Connected,
    registry::{Performer, RunTogether},
};

/// How often an attempt that gave way to others is begun again at once.
const CONFLICT_TRIES: u32 = 5;

/// Jobs that are performed together at most: what one of them locks, a car say, is locked until all of them are written.
const MOST_TOGETHER: usize = 128;

/// Where the jobs of one kind meet that are performed together.
pub(super) type Group = Gather<Arc<Claimed>, Finished>;

/// A place to meet for each kind whose jobs are performed together.
pub(super) fn groups(
    queue: Queue,
    concurrency: usize,
    context: &Arc<Context>,
    registry: &Registry,
) -> HashMap<&'static str, Arc<Group>> {
    let ours = registry.performers().filter(|performer| performer.queue == queue);
    let ours = ours.filter_map(|performer| Some((performer.kind, performer.run_together?)));
    let group = |(kind, run_together): (_, RunTogether)| {
        let context = context.clone();
        (kind, Arc::new(Gather::start(concurrency.min(MOST_TOGETHER), move |jobs| run_together(context.clone(), jobs))))
    };
    ours.map(group).collect()
}

/// Connections for those that are not performed in a group.
#[derive(Clone)]
pub(super) struct Rights {
    /// As many as there are connections for them.
    pub(super) alone: Arc<Semaphore>,
    /// Half as many, for those that keep theirs while they wait for another server: one that stalls holds up only them.
    outside: Arc<Semaphore>,
}

impl Rights {
    pub(super) fn to(connections: usize) -> Self {
        let outside = Arc::new(Semaphore::new(connections.div_ceil(2)));
        Self { alone: Arc::new(Semaphore::new(connections)), outside }
    }

    async fn acquire(&self, performer: Performer) -> Result<Connected, AcquireError> {
        let outside = match performer.outside {
            true => Some(self.outside.clone().acquire_owned().await?),
            false => None,
        };
        Ok(Connected { _alone: self.alone.clone().acquire_owned().await?, _outside: outside })
    }
}

pub(super) async fn perform(
    performer: Performer,
    context: Arc<Context>,
    job: Arc<Claimed>,
    (group, rights): (Option<Arc<Group>>, Rights),
    watch: Watch,
) -> Result<Finished, JobError> {
    let watched = watch.begins(&job, performer.timeout);
    fault::poison(&job.payload);
    if let Some(group) = group
        && let Ok(Some(finished)) = timeout(performer.timeout, group.call(job.clone())).await
    {
        return Ok(finished);
    }
    drop(watched);
    let mut until = None;
    for try_ in 1.. {
        let connected = rights.acquire(performer).await?;
        // Its time begins when it has what it needs: that others keep it waiting is not charged to it.
        let until = *until.get_or_insert_with(|| Instant::now() + performer.timeout);
        let _watched = watch.begins(&job, until.saturating_duration_since(Instant::now()));
        match timeout_at(until, (performer.run)(context.clone(), job.clone(), connected)).await {
            Err(_) => return Err(anyhow::anyhow!("took longer than {:?}", performer.timeout).into()),
            Ok(Err(error)) if try_ < CONFLICT_TRIES && error.gave_way() => {
                metrics::counter!("db_retry_total").increment(1);
            }
            Ok(ended) => return ended,
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(1..20))).await;
    }
    unreachable!("the last try returns however it ended")
}

pub(super) fn panic_words(ended: tokio::task::JoinError) -> String {
    let panic = ended.into_panic();
    let words = panic.downcast_ref::<String>().cloned();
    let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
    format!("panicked: {}", words.unwrap_or_default())
}
