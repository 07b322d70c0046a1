//! Returned is not yet available: the returns that are neither decided nor released (R4). A view.

use sea_orm::{PaginatorTrait, entity::prelude::*};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "uncleared_return")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub car_id: Uuid,
    /// By when a person is to have decided it.
    pub due_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Whether the car is back from somebody and not cleared for the next.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn holds(db: &impl ConnectionTrait, car: Uuid) -> Result<bool, DbErr> {
        Ok(Self::find().filter(Column::CarId.eq(car)).count(db).await? > 0)
    }
}
