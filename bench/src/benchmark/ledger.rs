//! The ledger with jobs that do nothing, worked on inside this process.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::Result;
use jobs::{Job, Queue};
use platform::{Settings, bucket::BucketSettings, settings::Secret};
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use workers::{Context, Ending, JobError, Perform, Pool, Registry, Work};

use crate::ground::{Ground, House};

/// Tells when it starts, and is done.
#[derive(Serialize, Deserialize)]
pub(super) struct Nothing {}

impl Job for Nothing {
    const KIND: &'static str = "nothing";
    const QUEUE: Queue = Queue::Booking;
}

static STARTS: Mutex<Option<mpsc::UnboundedSender<Instant>>> = Mutex::new(None);

impl Perform for Nothing {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        if let Some(starts) = &*STARTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
            let _ = starts.send(Instant::now());
        }
        work.done_without_effect(())
    }
}

/// When jobs start, from now on.
pub(super) fn starts() -> mpsc::UnboundedReceiver<Instant> {
    let (sender, receiver) = mpsc::unbounded_channel();
    *STARTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(sender);
    receiver
}

/// A pool inside this process.
pub(super) struct Working {
    pub(super) context: Arc<Context>,
    stop: CancellationToken,
    pool: JoinHandle<Result<()>>,
}

impl Working {
    pub(super) async fn start(ground: &Ground, house: &House<'_>, concurrency: usize) -> Result<Self> {
        let settings = settings(ground, house);
        let grace = settings.shutdown_grace;
        let context = Arc::new(Context::start(settings).await?);
        let (stop, registry) = (CancellationToken::new(), Registry::default().with::<Nothing>());
        let pool =
            tokio::spawn(Pool::serve(Queue::Booking, concurrency, context.clone(), registry, stop.clone(), grace));
        Ok(Self { context, stop, pool })
    }

    pub(super) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        self.pool.await?
    }
}

pub(super) fn settings(ground: &Ground, house: &House<'_>) -> Settings {
    let bucket = ground.services.bucket();
    Settings {
        database_url: Secret::new(house.url.clone()),
        database_connections: 20,
        redis_url: Secret::new(ground.services.redis_url()),
        redis_prefix: house.prefix(),
        public_url: "http://localhost".to_owned(),
        link_token_key: Secret::new([0; 32]),
        probe_listen: None,
        shutdown_grace: Duration::from_secs(5),
        waitlist_terms: rules::waitlist::Terms::default(),
        bucket: BucketSettings {
            endpoint: Some(bucket.endpoint),
            region: bucket.region,
            name: bucket.name,
            access_key_id: bucket.access_key_id,
            secret_access_key: Secret::new(bucket.secret_access_key),
        },
    }
}
