//! Accepts that come at the same time share one transaction.

use std::{cmp::Ordering, collections::HashMap};

use jobs::{
    NewJob, fault,
    ledger::{self, AcceptError, Accepted, Written},
};
use platform::Gather;
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr};
use uuid::Uuid;

/// Accepts in one transaction at most.
const GROUP: usize = 256;

/// The row, if it was written.
type Row = Result<Option<Written>, DbErr>;

/// Where accepts of one front meet.
pub(crate) struct Intake {
    db: DatabaseConnection,
    rows: Gather<NewJob, Row>,
}

impl Intake {
    pub(crate) fn start(db: DatabaseConnection) -> Self {
        let own = db.clone();
        let rows = Gather::start(GROUP, move |jobs| write(db.clone(), jobs));
        Self { db: own, rows }
    }

    /// As [`ledger::accept`], perhaps together with others.
    ///
    /// # Errors
    /// As [`ledger::accept`].
    pub(crate) async fn accept(&self, job: &NewJob) -> Result<Accepted, AcceptError> {
        // A worker may hold the same dedupe key in a long transaction, and the whole group would wait for it.
        if job.dedupe_key.is_some() || fault::removed("key_with_row") {
            return ledger::accept(&self.db, job).await;
        }
        match self.rows.call(job.clone()).await {
            Some(written) => ledger::accepted(&self.db, job, written?).await,
            None => ledger::accept(&self.db, job).await,
        }
    }
}

async fn write(db: DatabaseConnection, jobs: Vec<NewJob>) -> Vec<Option<Row>> {
    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    let mut jobs = jobs;
    // Two fronts that get the same keys at once take them in the same order, or they would deadlock.
    jobs.sort_by(order);
    match ledger::insert_all(&db, &jobs).await {
        Ok(rows) => {
            let rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
            ids.iter().map(|id| Some(Ok(rows.get(id).copied()))).collect()
        }
        // The database is away for all of them.
        Err(error @ (DbErr::Conn(_) | DbErr::ConnectionAcquire(_))) => {
            let away = || DbErr::Conn(RuntimeErr::Internal(error.to_string()));
            ids.iter().map(|_| Some(Err(away()))).collect()
        }
        // Whoever is not answered tries alone, and gets an error of its own or none.
        Err(_) => Vec::new(),
    }
}

fn order(one: &NewJob, other: &NewJob) -> Ordering {
    fn key(job: &NewJob) -> (Option<&str>, Option<Uuid>) {
        (job.idempotency.as_ref().map(|once| once.key.as_str()), job.principal)
    }
    key(one).cmp(&key(other))
}
