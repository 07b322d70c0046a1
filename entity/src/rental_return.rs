//! The return of a car: its session, report and decision.

use rules::rental::{ReturnState, Verdict};
use sea_orm::entity::prelude::*;

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

impl Model {
    /// Who completed the return; until somebody has, who opened it.
    pub fn brought_by(&self) -> Uuid {
        self.completed_by.unwrap_or(self.opened_by)
    }
}
