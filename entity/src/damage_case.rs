//! The question of the damage of one return.

use rules::damage::CaseState;
use sea_orm::{QuerySelect, entity::prelude::*};

use crate::Word;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "damage_case")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(unique)]
    pub return_id: Uuid,
    pub booking_id: Uuid,
    pub car_id: Uuid,
    pub branch_id: Uuid,
    pub customer_id: Uuid,
    pub state: Word<CaseState>,
    pub currency: String,
    /// What a person confirmed.
    #[sea_orm(column_type = "JsonBinary")]
    pub items: Json,
    /// Minor units: the sum of what was confirmed.
    pub estimate: i64,
    /// Minor units: what is asked for now.
    pub amount: i64,
    pub note: Option<String>,
    pub decided_by: Option<Uuid>,
    pub decided_at: Option<DateTimeUtc>,
    pub notified_at: Option<DateTimeUtc>,
    pub respond_by: Option<DateTimeUtc>,
    pub dispute: Option<String>,
    pub disputed_at: Option<DateTimeUtc>,
    pub settlement: Option<String>,
    pub settled_by: Option<Uuid>,
    pub settled_at: Option<DateTimeUtc>,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The case of a return, if it has one.
    pub fn of_return(return_id: Uuid) -> Select<Self> {
        Self::find().filter(Column::ReturnId.eq(return_id))
    }

    /// The case itself, locked until the transaction ends.
    pub fn locked(id: Uuid) -> Select<Self> {
        Self::find_by_id(id).lock_exclusive()
    }
}
