//! What every attempt can reach.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use jobs::Queue;
use platform::{Bucket, Settings, settings::Reader};
use sea_orm::DatabaseConnection;

use crate::{DetectorSettings, DetectorSlot, Mailer, perform::Ends, rental::REPORT_PATIENCE};

/// The surroundings of a worker: settings, database, bucket, and what only its pool needs.
pub struct Context {
    pub settings: Settings,
    pub db: DatabaseConnection,
    pub bucket: Bucket,
    pub(crate) ends: Ends,
    /// Only in the `notify` pool.
    pub mailer: Option<Mailer>,
    /// Empty outside of the `damage` pool.
    pub detector: DetectorSlot,
    /// `REPORT_PATIENCE_SECONDS`: how long after a return its report waits for thumbnails and model.
    pub report_patience: Duration,
    /// `OPEN_BOOKINGS_PER_CUSTOMER`: how many bookings one customer may have that have not ended; 0 sets no limit.
    pub open_bookings: u32,
    /// `DIGEST_ABOVE`: after so many calls for a decision within an hour, one recipient gets the rest in digests.
    pub digest_above: u64,
}

/// Whoever has more cars booked than these does not drive them.
const OPEN_BOOKINGS: u32 = 20;

/// More mails an hour than these nobody reads one by one.
const DIGEST_ABOVE: u64 = 20;

impl Context {
    /// Reads the settings of a pool and connects. Nothing is asked of any server yet.
    ///
    /// # Errors
    /// Names every setting that is wrong.
    pub async fn from_env(queue: Queue) -> anyhow::Result<(Arc<Self>, usize)> {
        let mut reader = Reader::default();
        let settings = Settings::read(&mut reader);
        let concurrency =
            reader.within(&format!("{}_CONCURRENCY", queue.as_str().to_uppercase()), 1..=10_000, queue.concurrency());
        let mailer = (queue == Queue::Notify).then(|| Mailer::read(&mut reader, concurrency)).flatten();
        let detector = match queue {
            Queue::Damage => DetectorSlot::new(DetectorSettings::read(&mut reader)),
            _ => DetectorSlot::default(),
        };
        let patience = match queue {
            Queue::Booking => reader.within("REPORT_PATIENCE_SECONDS", 0..=86_400, REPORT_PATIENCE.as_secs()),
            _ => REPORT_PATIENCE.as_secs(),
        };
        let report_patience = Duration::from_secs(patience);
        let open_bookings = match queue {
            Queue::Booking => reader.within("OPEN_BOOKINGS_PER_CUSTOMER", 0..=1_000, OPEN_BOOKINGS),
            _ => 0,
        };
        let digest_above = match queue {
            Queue::Notify => reader.or("DIGEST_ABOVE", DIGEST_ABOVE),
            _ => DIGEST_ABOVE,
        };
        reader.finish()?;
        let usual = Self::start(settings).await?;
        let context = Self { mailer, detector, report_patience, open_bookings, digest_above, ..usual };
        Ok((Arc::new(context), concurrency))
    }

    /// # Errors
    /// When `DATABASE_URL` is no PostgreSQL URL.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        let db = platform::database::connect(&settings).await.context("DATABASE_URL")?;
        Ok(Self {
            bucket: Bucket::new(&settings.bucket),
            ends: Ends::start(db.clone()),
            db,
            settings,
            mailer: None,
            detector: DetectorSlot::default(),
            report_patience: REPORT_PATIENCE,
            open_bookings: 0,
            digest_above: DIGEST_ABOVE,
        })
    }
}
