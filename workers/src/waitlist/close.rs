//! The wish can no longer be met (W18).

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::waitlist_entry;
use jobs::{
    notify::{Announce, News},
    waitlist::CloseEntry,
};
use rules::{
    booking::Limits,
    waitlist::{EntryEvent, EntryState},
};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::case::{Case, document, follow};
use crate::{Ending, JobError, Perform, Work};

/// An offer that is still open ends at least two hours before the start; soon after it somebody looks again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nobody waits any longer for a car that leaves the fleet. Its row is locked, and its offers were taken back.
///
/// # Errors
/// When the database fails.
pub(crate) async fn close_all(
    tx: &DatabaseTransaction,
    work: &mut Work,
    car: Uuid,
    now: DateTime<Utc>,
) -> Result<(), JobError> {
    let waiting = waitlist_entry::Entity::find()
        .filter(waitlist_entry::Column::CarId.eq(car))
        .filter(waitlist_entry::Column::State.is_in([EntryState::Waiting, EntryState::Blocked].map(EntryState::as_str)))
        .order_by_asc(waitlist_entry::Column::Id)
        .lock_exclusive();
    for entry in waiting.all(tx).await? {
        let entry = follow(tx, entry, EntryEvent::WindowPassed, now).await?;
        work.then(&Announce { news: News::WaitlistClosed, subject_id: entry.id, turn: entry.turn });
    }
    Ok(())
}

impl Perform for CloseEntry {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let Some((tx, case)) = Case::lock(&work, self.entry_id).await? else {
            return Ok(work.skip("the entry is gone"));
        };
        if case.entry.state.0.after(EntryEvent::WindowPassed).is_err() {
            return Ok(work.skip("the entry waits no more"));
        }
        if case.offer.is_some() || case.entry.latest_start >= case.now + Limits::default().lead {
            return Ok(work.snooze(PATIENCE));
        }

        let entry = follow(&tx, case.entry, EntryEvent::WindowPassed, case.now).await?;

        work.then(&Announce { news: News::WaitlistClosed, subject_id: entry.id, turn: entry.turn });
        let document = document(&tx, entry).await?;
        work.done(tx, document)
    }
}
