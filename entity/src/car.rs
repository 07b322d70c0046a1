//! One physical car. Whether it is free is never stored here: see [`reservation`](super::reservation).

use rules::car::{CarStatus, Category, FuelType};
use sea_orm::entity::prelude::*;

use crate::Word;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
#[sea_orm(table_name = "car")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub plate: String,
    pub vin: Option<String>,
    pub make: String,
    pub model: String,
    pub year: i16,
    pub category: Word<Category>,
    pub seats: i16,
    pub fuel_type: Word<FuelType>,
    pub price_per_day: i64,
    pub currency: String,
    pub branch_id: Uuid,
    pub location: Option<String>,
    pub description: Option<String>,
    pub features: Vec<String>,
    pub status: Word<CarStatus>,
    pub odometer_km: i32,
    pub waitlist_paused_at: Option<DateTimeUtc>,
    pub version: i32,
    pub stopped_version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::branch::Entity", from = "Column::BranchId", to = "super::branch::Column::Id")]
    Branch,
}

impl Related<super::branch::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Branch.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
