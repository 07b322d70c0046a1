//! A booking as it was before a change; rows are only ever added.

use rules::booking::ChangeReason;
use sea_orm::entity::prelude::*;

use crate::{Quote, Word};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
#[sea_orm(table_name = "booking_change")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub booking_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    pub car_id: Uuid,
    pub plate: String,
    pub starts_at: DateTimeUtc,
    pub ends_at: DateTimeUtc,
    /// Of the branch that it was at.
    pub time_zone: String,
    #[sea_orm(column_type = "Json")]
    pub quote: Quote,
    pub total: i64,
    pub currency: String,
    pub reason: Word<ChangeReason>,
    pub changed_by: Option<Uuid>,
    pub created_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
