//! The damage cases of a customer: looking at them, agreeing, disputing.

use std::sync::Arc;

use entity::damage_case::{Column, Entity, Model};
use jobs::damage::{AcceptDamage, DisputeDamage};
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rules::damage::CaseState;
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Value,
    sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;
use view::{Word, damage::DamageCase};

use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    auth::{Caller, ReturnsRead, ReturnsWrite},
    error::ApiError,
    front::Front,
    listing::{Cursor, Page, limit},
};

/// Letters of what a customer says against a damage.
pub(super) const LONGEST_DISPUTE: usize = 4_000;

/// Why the customer sees it differently.
#[derive(Debug, Object)]
#[oai(rename = "DamageDispute", deny_unknown_fields)]
struct Dispute {
    /// What you remember; a person reads it.
    #[oai(validator(min_length = 3, max_length = 4000))]
    reason: String,
}

/// Cases that anybody but those who decide may see: one's own, and what a person has confirmed of it.
fn own(customer: Uuid) -> Condition {
    let undecided = [CaseState::Open, CaseState::InReview].map(CaseState::as_str);
    Condition::all().add(Column::CustomerId.eq(customer)).add(Column::State.is_not_in(undecided))
}

async fn find(front: &Front, id: Uuid, customer: Uuid) -> Result<Model, ApiError> {
    let query = Entity::find_by_id(id).filter(own(customer));
    query.one(&front.db).await?.ok_or_else(ApiError::not_found)
}

/// One page of the cases that are `wanted`, newest first.
pub(super) async fn page(
    db: &DatabaseConnection,
    wanted: Condition,
    asked: Option<u64>,
    cursor: Option<&str>,
) -> Result<Page<DamageCase>, ApiError> {
    let limit = limit(asked);
    let after = Cursor::read(cursor)?.map(|last| {
        Expr::cust_with_values("(created_at, id) < ($1, $2)", [Value::from(last.at), Value::from(last.id)])
    });
    let query = Entity::find().filter(wanted.add_option(after));
    let newest = query.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
    let rows = newest.limit(limit + 1).all(db).await?;
    Ok(Page::cut(rows, limit, |row| Cursor { at: row.created_at, id: row.id }, DamageCase::from))
}

pub struct CaseApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Returns")]
impl CaseApi {
    /// List damage cases
    ///
    /// One's own that a person has decided, newest first. Staff use `/admin/damage-cases`.
    #[oai(path = "/damage-cases", method = "get", operation_id = "listDamageCases")]
    async fn list(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsRead>,
        state: Query<Option<Word<CaseState>>>,
        #[oai(name = "limit")] asked: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<DamageCase>>, ApiError> {
        let wanted = own(caller.account_id).add_option(state.0.map(|state| Column::State.eq(state.0.as_str())));
        Ok(Json(page(&front.db, wanted, asked.0, cursor.0.as_deref()).await?))
    }

    /// Show a damage case
    #[oai(path = "/damage-cases/:id", method = "get", operation_id = "showDamageCase")]
    async fn show(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsRead>,
        id: Path<Uuid>,
    ) -> Result<Json<DamageCase>, ApiError> {
        Ok(Json(find(&front, id.0, caller.account_id).await?.into()))
    }

    /// Agree with a damage
    ///
    /// Takes no money. Before `respondBy`; silence until then counts as agreement.
    #[oai(path = "/damage-cases/:id/accept", method = "post", operation_id = "acceptDamage")]
    async fn accept(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsWrite>,
        asking: Asking,
        id: Path<Uuid>,
    ) -> Result<Written<DamageCase>, ApiError> {
        let case = find(&front, id.0, caller.account_id).await?;
        let accept = AcceptDamage { case_id: case.id, customer_id: caller.account_id, via_link: false };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &accept, &json!(accept))?;
        front.write(&asking, job).await?.ok(&asking)
    }

    /// Dispute a damage
    ///
    /// Before `respondBy`, else `409 too_late`. A person upholds, reduces or waives it; until then nothing is charged.
    #[oai(path = "/damage-cases/:id/dispute", method = "post", operation_id = "disputeDamage")]
    async fn dispute(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsWrite>,
        asking: Asking,
        id: Path<Uuid>,
        Json(body): Json<Dispute>,
    ) -> Result<Written<DamageCase>, ApiError> {
        let case = find(&front, id.0, caller.account_id).await?;
        let (case_id, customer_id) = (case.id, caller.account_id);
        let dispute = DisputeDamage { case_id, customer_id, words: body.reason, via_link: false };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &dispute, &json!(dispute))?;
        front.write(&asking, job).await?.ok(&asking)
    }
}
