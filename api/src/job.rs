//! Jobs: how a request ended, and what admins may do with dead ones.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use jobs::{
    Job as _,
    account::RegisterAccount,
    ledger::{self, Entry},
};
use poem::web::Data;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::Any,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder,
    TransactionTrait,
};
use serde_json::Value;
use uuid::Uuid;
use view::job::Job;

use crate::{
    Tag,
    accept::{full_job_document, job_document},
    auth::{Caller, JobsManage, JobsRead, Visitor, unauthenticated},
    error::ApiError,
    front::Front,
    listing::{Cursor, Page, limit},
};

/// What a cursor of its list is one of.
const LIST: &str = "dead jobs";

/// Only dead jobs can be listed.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case")]
enum ListedState {
    Dead,
}

/// A dead job as an admin sees it, payload included.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct DeadJob {
    id: Uuid,
    queue: String,
    kind: String,
    payload: Any<Value>,
    attempt: i32,
    crashes: i32,
    error: Option<Any<Value>>,
    request_id: Option<String>,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl From<Entry> for DeadJob {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            queue: entry.queue,
            kind: entry.kind,
            payload: Any(entry.payload),
            attempt: entry.attempt,
            crashes: entry.crashes,
            error: entry.error.map(Any),
            request_id: entry.request_id,
            created_at: entry.created_at,
            finished_at: entry.finished_at,
        }
    }
}

pub struct JobApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Jobs")]
impl JobApi {
    /// Show how a request ended
    ///
    /// To whoever asked, and to admins. How registering ended is shown without a token, too, because whoever registers has none
    /// yet; but not the `document`, which is for the new account alone: others know its id, which is the job's.
    #[oai(path = "/jobs/:id", method = "get", operation_id = "showJob")]
    async fn show(
        &self,
        front: Data<&Arc<Front>>,
        visitor: Visitor<JobsRead>,
        id: Path<Uuid>,
    ) -> Result<Json<Job>, ApiError> {
        let hidden = || if visitor.0.is_some() { ApiError::not_found() } else { unauthenticated() };
        let entry = ledger::find(&front.db, id.0).await?.ok_or_else(hidden)?;
        let admin = visitor.0.as_ref().is_some_and(|caller| caller.role.may(rules::account::Scope::JobsManage));
        let asked = visitor.0.as_ref().is_some_and(|caller| entry.principal == Some(caller.account_id));
        let registered = entry.kind == RegisterAccount::KIND;
        if admin {
            Ok(Json(full_job_document(&entry)))
        } else if asked || (registered && visitor.0.as_ref().is_some_and(|caller| caller.account_id == entry.id)) {
            Ok(Json(job_document(&entry)))
        } else if registered {
            Ok(Json(without_document(job_document(&entry))))
        } else {
            Err(hidden())
        }
    }

    /// List dead jobs
    #[oai(path = "/admin/jobs", method = "get", operation_id = "listDeadJobs")]
    async fn dead(
        &self,
        front: Data<&Arc<Front>>,
        _caller: Caller<JobsManage>,
        #[oai(name = "state")] _state: Query<Option<ListedState>>,
        #[oai(name = "limit", validator(minimum(value = "1"), maximum(value = "100")))] asked: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<DeadJob>>, ApiError> {
        let limit = limit(asked.0);
        let before = Cursor::read(LIST, cursor.0.as_deref())?.map(|last: Cursor| (last.at, last.id));
        let rows = ledger::dead(&front.db, ledger::Page { before, limit: limit + 1 }).await?;
        let cursor = |row: &Entry| Cursor { at: row.finished_at.unwrap_or(row.created_at), id: row.id };
        Ok(Json(Page::cut(LIST, rows, limit, cursor, DeadJob::from)))
    }

    /// Replay a dead job
    ///
    /// Done at once. Repeat it as it is when the answer was lost: it takes no `Idempotency-Key`, and whoever did just this to the
    /// job last is answered as the first time.
    #[oai(path = "/admin/jobs/:id/replay", method = "post", operation_id = "replayJob")]
    async fn replay(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<JobsManage>,
        id: Path<Uuid>,
    ) -> Result<Json<Job>, ApiError> {
        self.handle(&front, caller.account_id, id.0, Action::Replay).await
    }

    /// Discard a dead job
    ///
    /// Done at once, and can be repeated like a replay.
    #[oai(path = "/admin/jobs/:id/discard", method = "post", operation_id = "discardJob")]
    async fn discard(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<JobsManage>,
        id: Path<Uuid>,
    ) -> Result<Json<Job>, ApiError> {
        self.handle(&front, caller.account_id, id.0, Action::Discard).await
    }
}

/// That it was done or why not, and nothing of what was written.
fn without_document(mut job: Job) -> Job {
    if let Some(Any(Value::Object(outcome))) = &mut job.outcome {
        outcome.remove("document");
    }
    job
}

impl JobApi {
    async fn handle(&self, front: &Front, admin: Uuid, id: Uuid, action: Action) -> Result<Json<Job>, ApiError> {
        handle_dead(front, admin, id, action).await?;
        let entry = ledger::find(&front.db, id).await?.ok_or_else(ApiError::not_found)?;
        Ok(Json(full_job_document(&entry)))
    }
}

/// What an admin does about a dead job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Replay,
    Discard,
}

impl Action {
    pub(crate) fn find(word: &str) -> Option<Self> {
        [Self::Replay, Self::Discard].into_iter().find(|action| action.as_str() == word)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Discard => "discard",
        }
    }
}

/// Whether just this is what was done to the job last, and by this admin: the answer may have been lost.
async fn did_last(tx: &DatabaseTransaction, admin: Uuid, id: Uuid, action: &str) -> Result<bool, DbErr> {
    use entity::audit_log::{Column, Entity};
    let of_job = Entity::find().filter(Column::SubjectKind.eq("job")).filter(Column::SubjectId.eq(id));
    let last = of_job.order_by_desc(Column::Id).one(tx).await?;
    Ok(last.is_some_and(|last| last.actor == Some(admin) && last.action == action))
}

/// Replays or discards a dead job in an admin's name, and writes down who did it. Asked again it is done already.
///
/// # Errors
/// `not_found`, or `illegal_state` when the job is not dead.
pub(crate) async fn handle_dead(front: &Front, admin: Uuid, id: Uuid, action: Action) -> Result<(), ApiError> {
    ledger::find(&front.db, id).await?.ok_or_else(ApiError::not_found)?;
    let tx = front.db.begin().await?;
    let done = match action {
        Action::Replay => ledger::replay(&tx, id).await?,
        Action::Discard => ledger::discard(&tx, id).await?,
    };
    let audited = format!("{}_job", action.as_str());
    if !done && did_last(&tx, admin, id, &audited).await? {
        return Ok(());
    }
    if !done {
        return Err(ApiError::new(rules::problem::ILLEGAL_STATE, "Only dead jobs can be replayed or discarded."));
    }
    let audit = entity::audit_log::ActiveModel {
        actor: Set(Some(admin)),
        action: Set(audited),
        subject_kind: Set("job".to_owned()),
        subject_id: Set(id),
        ..Default::default()
    };
    audit.insert(&tx).await?;
    Ok(tx.commit().await?)
}
