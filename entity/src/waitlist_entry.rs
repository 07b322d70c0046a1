//! Somebody who waits for time that is taken.

use rules::{car::Category, waitlist::EntryState};
use sea_orm::entity::prelude::*;

use crate::Word;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
#[sea_orm(table_name = "waitlist_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The place in the queue, drawn by the database.
    pub seq: i64,
    pub customer_id: Uuid,
    pub car_id: Option<Uuid>,
    pub category: Option<Word<Category>>,
    pub branch_id: Option<Uuid>,
    pub or_better: bool,
    /// `window` or `asap`.
    pub kind: String,
    pub starts_at: Option<DateTimeUtc>,
    pub ends_at: Option<DateTimeUtc>,
    pub flexibility_minutes: i32,
    pub min_days: Option<i32>,
    pub days: Option<i32>,
    pub latest_start: DateTimeUtc,
    pub earliest_end: DateTimeUtc,
    /// Minor units.
    pub price_cap: Option<i64>,
    pub priority: i32,
    pub priority_reason: Option<String>,
    pub state: Word<EntryState>,
    pub missed: i32,
    pub turn: i32,
    pub booking_id: Option<Uuid>,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
