//! The damage cases of the house, for those who decide them.

use std::sync::Arc;

use entity::damage_case::{Column, Entity, Model};
use jobs::damage::{ExportEvidence, SettleDamage};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rules::damage::{CaseState, Settlement};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::json;
use uuid::Uuid;
use view::{
    Money, Word,
    damage::{DamageCase, Evidence, EvidenceFile},
};

use super::case::page;
use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    account::Reasons,
    auth::{Caller, ReturnsDecide},
    error::ApiError,
    front::Front,
    listing::Page,
    shape::Shaped,
    words::{REASON, written},
};

/// What staff say about a confirmed case.
#[derive(Debug, Object)]
#[oai(rename = "DamageSettlement", deny_unknown_fields)]
struct Settling {
    /// `upheld`, `reduced` and `waived` answer a dispute (`waived` is possible without one); `charged` writes down
    /// that a person has invoiced the amount; `told` that the customer heard of it in another way than by mail. `closed` ends
    /// a case that was invoiced or let go, or that asks for nothing.
    verdict: Word<Settlement>,
    /// With `reduced`: the new amount, less than before.
    amount: Option<Money>,
    /// The customer reads it.
    #[oai(validator(min_length = 3, max_length = 2000))]
    reason: String,
}

/// The form of a file of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "EvidenceFormat", rename_all = "lowercase")]
enum Format {
    Json,
    Pdf,
}

#[derive(ApiResponse)]
enum EvidenceFound {
    /// The file is at `Location`, for at most ten minutes.
    #[oai(status = 302)]
    Found(#[oai(header = "Location")] String, #[oai(header = "Cache-Control")] String),
}

/// Cases that the caller may see: those of the branch that one runs, or all.
fn visible(caller: &Caller<ReturnsDecide>) -> Condition {
    let own = "branch_id = (select a.branch_id from account a where a.id = $1)";
    Condition::all().add_option(caller.owner().map(|owner| Expr::cust_with_values(own, [owner])))
}

async fn find(front: &Front, caller: &Caller<ReturnsDecide>, id: Uuid) -> Result<Model, ApiError> {
    let query = Entity::find_by_id(id).filter(visible(caller));
    query.one(&front.db).await?.ok_or_else(ApiError::not_found)
}

pub struct StaffCaseApi;

#[OpenApi(prefix_path = "/api/v1/admin", tag = "Tag::Returns")]
impl StaffCaseApi {
    /// List the house's damage cases
    ///
    /// Newest first; whoever runs a branch sees those of the branch.
    #[expect(clippy::too_many_arguments, reason = "each is one filter of the query string")]
    #[oai(path = "/damage-cases", method = "get", operation_id = "listHouseDamageCases")]
    async fn list(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsDecide>,
        state: Query<Option<Word<CaseState>>>,
        #[oai(name = "branchId")] branch_id: Query<Option<Uuid>>,
        #[oai(name = "carId")] car_id: Query<Option<Uuid>>,
        #[oai(name = "returnId")] return_id: Query<Option<Uuid>>,
        #[oai(name = "limit", validator(minimum(value = "1"), maximum(value = "100")))] asked: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<DamageCase>>, ApiError> {
        let wanted = visible(&caller)
            .add_option(state.0.map(|state| Column::State.eq(state.0.as_str())))
            .add_option(branch_id.0.map(|branch| Column::BranchId.eq(branch)))
            .add_option(car_id.0.map(|car| Column::CarId.eq(car)))
            .add_option(return_id.0.map(|id| Column::ReturnId.eq(id)));
        Ok(Json(page(&front.db, wanted, asked.0, cursor.0.as_deref()).await?))
    }

    /// Show one of the house's damage cases
    #[oai(path = "/damage-cases/:id", method = "get", operation_id = "showHouseDamageCase")]
    async fn show(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsDecide>,
        id: Path<Uuid>,
    ) -> Result<Json<DamageCase>, ApiError> {
        Ok(Json(find(&front, &caller, id.0).await?.try_into()?))
    }

    /// Export the evidence of a damage case
    ///
    /// As JSON and PDF: the originals' hashes, the model's file hash, its thresholds and raw boxes, what was decided,
    /// the audit log. The same case gives the same bytes. Who exported it is written down.
    #[oai(path = "/damage-cases/:id/evidence", method = "post", operation_id = "exportEvidence")]
    async fn export(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsDecide>,
        asking: Asking,
        id: Path<Uuid>,
    ) -> Result<Written<Evidence>, ApiError> {
        let case = find(&front, &caller, id.0).await?;
        let export = ExportEvidence { case_id: case.id, exported_by: caller.account_id };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &export, &json!(export))?;
        front.write(&asking, job).await?.ok(&asking)
    }

    /// Fetch a file of evidence
    #[oai(path = "/damage-cases/:id/evidence/:sha256/:format", method = "get", operation_id = "fetchEvidence")]
    async fn fetch(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsDecide>,
        id: Path<Uuid>,
        sha256: Path<String>,
        format: Path<Format>,
    ) -> Result<EvidenceFound, ApiError> {
        let case = find(&front, &caller, id.0).await?;
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (name, content_type) = match format.0 {
            Format::Json => ("json", "application/json"),
            Format::Pdf => ("pdf", "application/pdf"),
        };
        let key = EvidenceFile::key(case.id, &sha256, name);
        if !is_hash || front.bucket.size(&key).await?.is_none() {
            return Err(ApiError::not_found());
        }
        let address = front.bucket.presigned_get(&key, content_type).await?;
        Ok(EvidenceFound::Found(address, "no-store".to_owned()))
    }

    /// Decide a disputed damage
    ///
    /// Or let it go, or write down what became of it. By an admin, or whoever runs the branch of the rental. The first
    /// decision wins: `409 already_decided`. Nothing here takes money.
    #[oai(path = "/damage-cases/:id/decision", method = "post", operation_id = "settleDamage")]
    async fn settle(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsDecide>,
        asking: Asking,
        id: Path<Uuid>,
        Shaped(body): Shaped<Settling>,
    ) -> Result<Written<DamageCase>, ApiError> {
        let case = find(&front, &caller, id.0).await?;
        let mut wrong = Reasons::default();
        if let Some(money) = body.amount.as_ref().filter(|money| money.currency != case.currency) {
            wrong.add("/amount/currency", format!("must be {}, not {}", case.currency, money.currency));
        }
        let reason = wrong.take("/reason", written(&body.reason, &REASON));
        let Some(reason) = reason.filter(|_| wrong.is_empty()) else { return Err(wrong.into_error()) };
        let settle = SettleDamage {
            case_id: case.id,
            settled_by: caller.account_id,
            settlement: body.verdict.0,
            amount: body.amount.map(|money| money.amount),
            reason,
            via_link: false,
        };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &settle, &json!(settle))?;
        front.write(&asking, job).await?.ok(&asking)
    }
}
