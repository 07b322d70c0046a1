//! An item of a car's known-damage register.

use rules::damage::{Class, Panel, Severity, Side};
use sea_orm::{QueryOrder, entity::prelude::*};

use crate::Word;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
#[sea_orm(table_name = "damage")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub car_id: Uuid,
    pub side: Word<Side>,
    pub panel: Option<Word<Panel>>,
    pub class: Word<Class>,
    pub severity: Word<Severity>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub region: Option<Json>,
    pub note: Option<String>,
    pub estimate: Option<i64>,
    pub return_id: Option<Uuid>,
    pub photo_id: Option<Uuid>,
    pub recorded_by: Option<Uuid>,
    pub created_at: DateTimeUtc,
    pub repaired_at: Option<DateTimeUtc>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The damage that a car has now, the oldest first.
    pub fn open_on(car: Uuid) -> Select<Self> {
        let open = Self::find().filter(Column::CarId.eq(car)).filter(Column::RepairedAt.is_null());
        open.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id)
    }
}
