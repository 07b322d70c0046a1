//! A message inside the application.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
#[sea_orm(table_name = "notification")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub seq: i64,
    pub account_id: Uuid,
    #[sea_orm(column_name = "type")]
    pub kind: String,
    pub title: String,
    pub message: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub data: Json,
    pub is_read: bool,
    pub created_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
