//! The wish can no longer be met (W18).

use std::time::Duration;

use jobs::{
    notify::{Announce, News},
    waitlist::CloseEntry,
};
use rules::{booking::Limits, waitlist::EntryEvent};

use super::case::{Case, document, follow};
use crate::{Ending, JobError, Perform, Work};

/// An offer that is still open ends at least two hours before the start; soon after it somebody looks again.
const PATIENCE: Duration = Duration::from_secs(60);

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
