//! The damage cases of a customer: looking at them, agreeing, disputing.

use std::sync::Arc;

use entity::damage_case::{Column, Entity, Model};
use jobs::damage::{AcceptDamage, DisputeDamage};
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    registry::{MetaSchema, MetaSchemaRef},
    types::Type,
};
use rules::damage::{CaseState, MOST_DISPUTE_PHOTOS};
use sea_orm::{ColumnTrait, Condition, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;
use uuid::Uuid;
use view::{Word, damage::DamageCase};

use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    account::Reasons,
    auth::{Caller, Origin, ReturnsRead, ReturnsWrite},
    error::ApiError,
    front::Front,
    listing::{Cursor, Page, limit, older},
    rental::body::{JsonOrForm, OrForm, photo},
    upload::Statement,
    words::{DISPUTE, written},
};

/// What a cursor of its list is one of.
const LIST: &str = "damage cases";

/// Why the customer sees it differently.
#[derive(Debug, Object)]
#[oai(rename = "DamageDispute", deny_unknown_fields)]
struct Dispute {
    /// What you remember; a person reads it.
    #[oai(validator(min_length = 3, max_length = 4000))]
    reason: String,
}

impl OrForm for Dispute {
    const MOST_PHOTOS: usize = MOST_DISPUTE_PHOTOS;

    fn form_schema() -> MetaSchemaRef {
        let mut schema = MetaSchema::new("object");
        let photos = MetaSchema {
            description: Some("What shows it."),
            items: Some(Box::new(photo())),
            max_items: Some(MOST_DISPUTE_PHOTOS),
            ..MetaSchema::new("array")
        };
        schema.properties = vec![("reason", <String as Type>::schema_ref()), ("photos", inline(photos))];
        schema.required = vec!["reason"];
        inline(schema)
    }
}

fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}

impl Dispute {
    /// What a form says; nothing else may be in it.
    fn read(form: &Statement) -> Result<Self, ApiError> {
        form.check()?;
        let mut wrong = Reasons::default();
        for (name, _) in form.texts().iter().filter(|(name, _)| name != "reason") {
            let name: String = name.chars().take(60).collect();
            wrong.add(&format!("/{name}"), "There is no such part. Known are reason and photos.");
        }
        let reason = form.texts().iter().find(|(name, _)| name == "reason").map_or("", |(_, text)| text);
        Self::checked(reason, wrong)
    }

    fn checked(reason: &str, mut wrong: Reasons) -> Result<Self, ApiError> {
        let reason = wrong.take("/reason", written(reason, &DISPUTE));
        reason.filter(|_| wrong.is_empty()).map(|reason| Self { reason }).ok_or_else(|| wrong.into_error())
    }
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
    let after = older(LIST, cursor)?;
    let query = Entity::find().filter(wanted.add_option(after));
    let newest = query.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
    let rows = newest.limit(limit + 1).all(db).await?;
    let shown = rows.into_iter().map(DamageCase::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(LIST, shown, limit, |case| Cursor { at: case.created_at, id: case.id }, |case| case))
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
        #[oai(name = "limit", validator(minimum(value = "1"), maximum(value = "100")))] asked: Query<Option<u64>>,
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
        Ok(Json(find(&front, id.0, caller.account_id).await?.try_into()?))
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
    /// Send JSON, or a form that also holds up to five photos. `422 photos_refused` says which cannot be taken and why;
    /// nothing is disputed then.
    #[oai(path = "/damage-cases/:id/dispute", method = "post", operation_id = "disputeDamage")]
    async fn dispute(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ReturnsWrite>,
        asking: Asking,
        origin: Origin,
        id: Path<Uuid>,
        body: JsonOrForm<Dispute>,
    ) -> Result<Written<DamageCase>, ApiError> {
        let case = find(&front, id.0, caller.account_id).await?;
        let (words, photos, request) = match body {
            JsonOrForm::Json(Dispute { reason }) => {
                let Dispute { reason } = Dispute::checked(&reason, Reasons::default())?;
                (reason.clone(), Vec::new(), json!({ "reason": reason }))
            }
            JsonOrForm::Form(form) => {
                let form = form.receive_statement().await?;
                let Dispute { reason } = Dispute::read(&form)?;
                (reason, form.store(&front.bucket, case.id, asking.key.as_deref()).await?, form.fingerprint())
            }
        };
        let dispute = DisputeDamage {
            case_id: case.id,
            customer_id: caller.account_id,
            words,
            photos,
            ip: origin.ip,
            user_agent: origin.user_agent,
            via_link: false,
        };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &dispute, &request)?;
        front.write(&asking, job).await?.ok(&asking)
    }
}
