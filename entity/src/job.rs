//! The ledger: what was accepted, and what became of it. Only the crate `jobs` writes it.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub queue: String,
    pub kind: String,
    #[sea_orm(column_type = "Json")]
    pub payload: Json,
    pub principal: Option<Uuid>,
    pub idempotency_key: Option<String>,
    pub request_hash: Option<Vec<u8>>,
    pub dedupe_key: Option<String>,
    pub state: String,
    pub priority: i16,
    pub run_at: DateTimeUtc,
    pub attempt: i32,
    pub crashes: i32,
    pub max_attempts: i32,
    pub fence: i64,
    pub lease_until: Option<DateTimeUtc>,
    pub worker: Option<String>,
    pub reply_to: Option<String>,
    #[sea_orm(column_type = "Json", nullable)]
    pub outcome: Option<Json>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub error: Option<Json>,
    pub traceparent: Option<String>,
    pub request_id: Option<String>,
    pub created_at: DateTimeUtc,
    pub finished_at: Option<DateTimeUtc>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
