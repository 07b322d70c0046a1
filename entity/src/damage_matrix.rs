//! One version of the price list of damage.

use sea_orm::{QueryOrder, entity::prelude::*};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "damage_matrix")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    pub currency: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub lines: Json,
    pub replaced_by: Option<Uuid>,
    pub created_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The version that counts now.
    ///
    /// # Errors
    /// When the database fails, or holds no version at all.
    pub async fn current(db: &impl ConnectionTrait) -> Result<Model, DbErr> {
        let newest = Self::find().order_by_desc(Column::Version).one(db).await?;
        newest.ok_or_else(|| DbErr::RecordNotFound("a damage matrix".to_owned()))
    }
}
