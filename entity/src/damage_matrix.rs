//! One version of the price list of damage.

use rules::{damage::Matrix, money::Currency};
use sea_orm::{QueryOrder, entity::prelude::*};

use crate::stored;

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

impl Model {
    /// The price list as the rules read it.
    ///
    /// # Errors
    /// When the row holds what is none.
    pub fn matrix(self) -> Result<Matrix, DbErr> {
        let version = self.version;
        let currency = Currency::new(&self.currency);
        let currency = currency.map_err(|error| DbErr::Type(format!("damage matrix {version}: {error}")))?;
        let lines = stored(format_args!("damage matrix {version}"), &self.lines)?;
        Ok(Matrix { version, currency, lines })
    }
}

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
