//! Freed time that one person may take before anybody else.

use rules::waitlist::OfferState;
use sea_orm::entity::prelude::*;

use crate::{Quote, Word};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
#[sea_orm(table_name = "waitlist_offer")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub entry_id: Uuid,
    pub customer_id: Uuid,
    pub car_id: Uuid,
    pub branch_id: Uuid,
    pub starts_at: DateTimeUtc,
    pub ends_at: DateTimeUtc,
    pub time_zone: String,
    pub exact: bool,
    #[sea_orm(column_type = "Json")]
    pub quote: Quote,
    /// Minor units of `currency`, frozen when the offer was made.
    pub total: i64,
    pub currency: String,
    pub state: Word<OfferState>,
    pub expires_at: DateTimeUtc,
    pub offered_by: Option<Uuid>,
    pub reason: Option<String>,
    pub ended_at: Option<DateTimeUtc>,
    pub booking_id: Option<Uuid>,
    pub created_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
