//! What was pressed on the page of a link and took longer than its answer: whoever looks again finds it by `?job=`.

use jobs::ledger::{self, Entry};
use poem::{FromRequest, Request, RequestBody};
use uuid::Uuid;

use crate::{
    accept::{Ending, standing},
    error::ApiError,
    front::Front,
};

/// The job that an address names, if it names one.
pub(crate) struct Pressed(Option<Uuid>);

impl<'a> FromRequest<'a> for Pressed {
    // Whatever else stands there names none: a link that a mail program has lengthened is a link all the same.
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let query = request.original_uri().query().unwrap_or_default();
        let job = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "job");
        Ok(Self(job.and_then(|(_, id)| id.parse().ok())))
    }
}

/// What a page may show the jobs of: those of these kinds that its reader asked for, and whose payload names its subject.
pub(crate) struct Page {
    pub(crate) kinds: &'static [&'static str],
    /// The member of the payload.
    pub(crate) subject: &'static str,
}

impl Page {
    fn has(&self, job: &Entry, subject: Uuid, reader: Uuid) -> bool {
        self.kinds.contains(&job.kind.as_str())
            && job.principal == Some(reader)
            && job.payload[self.subject].as_str() == Some(subject.to_string().as_str())
    }
}

impl Pressed {
    /// The job with how it ended; `None` unless it is one of this very page.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn find(
        &self,
        front: &Front,
        page: &Page,
        subject: Uuid,
        reader: Uuid,
    ) -> Result<Option<(Entry, Result<Ending, ApiError>)>, ApiError> {
        let Some(id) = self.0 else { return Ok(None) };
        let job = ledger::find(&front.db, id).await?.filter(|job| page.has(job, subject, reader));
        Ok(job.map(|job| {
            let ending = standing(&job);
            (job, ending)
        }))
    }
}

/// The address of a page that says how the job of an answer ended.
pub(crate) fn again(page: &str, job: Uuid) -> String {
    format!("{page}?job={job}")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_shows_the_jobs_of_its_own_subject_that_its_reader_asked_for() {
        let page = Page { kinds: &["dispute_damage"], subject: "case_id" };
        let (case, reader, at) = (Uuid::from_u128(1), Uuid::from_u128(2), DateTime::UNIX_EPOCH);
        let job = |kind: &str, principal: Option<Uuid>, subject: Uuid| Entry {
            id: Uuid::nil(),
            queue: "booking".to_owned(),
            kind: kind.to_owned(),
            payload: json!({ "case_id": subject }),
            principal,
            state: "ready".to_owned(),
            attempt: 0,
            crashes: 0,
            max_attempts: 1,
            outcome: None,
            error: None,
            request_id: None,
            traceparent: None,
            run_at: at,
            created_at: at,
            finished_at: None,
        };
        let shown = |job: &Entry| page.has(job, case, reader);
        assert!(shown(&job("dispute_damage", Some(reader), case)));
        assert!(!shown(&job("settle_damage", Some(reader), case)), "of another kind");
        assert!(!shown(&job("dispute_damage", Some(case), case)) && !shown(&job("dispute_damage", None, case)));
        assert!(!shown(&job("dispute_damage", Some(reader), reader)), "of another case");
    }
}
