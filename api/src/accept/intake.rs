//! Accepts that come at the same time share one transaction: it is the commit that costs.
//!
//! Nobody waits for company. While one group is being committed the next one gathers, and an
//! accept that finds nobody is written alone.

use std::{cmp::Ordering, sync::Arc};

use jobs::{
    NewJob, fault,
    ledger::{self, AcceptError, Accepted},
};
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr};
use tokio::sync::{Mutex, mpsc, oneshot};

/// Accepts in one transaction at most.
const GROUP: usize = 256;

/// Groups that are committed at a time: while one waits for the disk the other is parsed.
const WRITERS: usize = 2;

/// A job, and whoever waits to hear whether its row was written.
struct Asked {
    job: NewJob,
    written: oneshot::Sender<Result<bool, DbErr>>,
}

/// Where accepts of one front meet.
pub(crate) struct Intake {
    db: DatabaseConnection,
    asked: mpsc::Sender<Asked>,
}

impl Intake {
    pub(crate) fn start(db: DatabaseConnection) -> Self {
        let (asked, next) = mpsc::channel(GROUP);
        let next = Arc::new(Mutex::new(next));
        for _ in 0..WRITERS {
            tokio::spawn(write(db.clone(), next.clone()));
        }
        Self { db, asked }
    }

    /// As [`ledger::accept`], perhaps together with others.
    ///
    /// # Errors
    /// As [`ledger::accept`].
    pub(crate) async fn accept(&self, job: &NewJob) -> Result<Accepted, AcceptError> {
        match self.write(job).await {
            Some(written) => ledger::accepted(&self.db, job, written?).await,
            None => ledger::accept(&self.db, job).await,
        }
    }

    /// Whether the row was written; `None` when the group was refused, or had better not be joined.
    async fn write(&self, job: &NewJob) -> Option<Result<bool, DbErr>> {
        // A worker may hold the same dedupe key in a long transaction, and the whole group would wait for it.
        if job.dedupe_key.is_some() || fault::removed("key_with_row") {
            return None;
        }
        let (written, answer) = oneshot::channel();
        self.asked.send(Asked { job: job.clone(), written }).await.ok()?;
        answer.await.ok()
    }
}

async fn write(db: DatabaseConnection, next: Arc<Mutex<mpsc::Receiver<Asked>>>) {
    let mut group = Vec::new();
    while next.lock().await.recv_many(&mut group, GROUP).await > 0 {
        // Two fronts that get the same keys at once take them in the same order, or they would deadlock.
        group.sort_by(|one, other| order(&one.job, &other.job));
        let (jobs, waiting): (Vec<_>, Vec<_>) = group.drain(..).map(|asked| (asked.job, asked.written)).unzip();
        let inserted = ledger::insert_all(&db, &jobs).await;
        for (job, written) in jobs.iter().zip(waiting) {
            match &inserted {
                Ok(ids) => {
                    let _ = written.send(Ok(ids.contains(&job.id)));
                }
                // The database is away for all of them.
                Err(error @ (DbErr::Conn(_) | DbErr::ConnectionAcquire(_))) => {
                    let _ = written.send(Err(DbErr::Conn(RuntimeErr::Internal(error.to_string()))));
                }
                // Whoever is not answered tries alone, and gets an error of its own or none.
                Err(_) => {}
            }
        }
    }
}

fn order(one: &NewJob, other: &NewJob) -> Ordering {
    let key = |job: &NewJob| (job.principal, job.kind, job.idempotency.as_ref().map(|once| once.key.clone()));
    key(one).cmp(&key(other))
}
