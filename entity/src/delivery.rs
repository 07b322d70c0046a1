//! A message that left by a channel, once per event and recipient.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
#[sea_orm(table_name = "delivery")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub channel: String,
    pub template: String,
    pub subject_id: Uuid,
    /// That of the announcement, such as the version of the booking that was told.
    pub turn: i32,
    pub message_id: String,
    pub state: String,
    pub detail: Option<String>,
    pub job_id: Uuid,
    pub created_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
