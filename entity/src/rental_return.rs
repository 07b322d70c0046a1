//! The return of a car: its session, report and decision.

use rules::rental::{ReturnState, Verdict};
use sea_orm::{PaginatorTrait, entity::prelude::*};

use crate::Word;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rental_return")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub booking_id: Uuid,
    pub car_id: Uuid,
    pub state: Word<ReturnState>,
    pub opened_by: Uuid,
    pub opened_at: DateTimeUtc,
    pub completed_by: Option<Uuid>,
    pub returned_at: Option<DateTimeUtc>,
    pub odometer_km: Option<i32>,
    pub fuel: Option<f64>,
    pub late_minutes: Option<i32>,
    pub without_photos_reason: Option<String>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub report: Option<Json>,
    pub reported_at: Option<DateTimeUtc>,
    pub decision_due_at: Option<DateTimeUtc>,
    pub verdict: Option<Word<Verdict>>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub decision: Option<Json>,
    pub decided_by: Option<Uuid>,
    pub decided_at: Option<DateTimeUtc>,
    pub released_at: Option<DateTimeUtc>,
    pub retake_advised_at: Option<DateTimeUtc>,
    pub turn: i32,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Whether a return of the car is neither decided nor released (R4): returned is not yet available.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn awaits_clearance(db: &impl ConnectionTrait, car: Uuid) -> Result<bool, DbErr> {
        let uncleared = Self::find()
            .filter(Column::CarId.eq(car))
            .filter(Column::ReturnedAt.is_not_null())
            .filter(Column::ReleasedAt.is_null())
            .filter(Column::State.ne(ReturnState::Decided.as_str()));
        Ok(uncleared.count(db).await? > 0)
    }
}

impl Model {
    /// Who completed the return; until somebody has, who opened it.
    pub fn brought_by(&self) -> Uuid {
        self.completed_by.unwrap_or(self.opened_by)
    }
}
