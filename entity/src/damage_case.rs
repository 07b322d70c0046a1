//! The question of the damage of one return.

use rules::damage::{CaseState, Settlement};
use sea_orm::{QuerySelect, entity::prelude::*};
use serde::{Deserialize, Serialize};

use crate::{Word, stored};

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
    /// What they sent with it, each a [`DisputePhoto`].
    #[sea_orm(column_type = "JsonBinary")]
    pub dispute_photos: Json,
    pub disputed_at: Option<DateTimeUtc>,
    pub settlement: Option<String>,
    pub settled_by: Option<Uuid>,
    pub settled_at: Option<DateTimeUtc>,
    /// It stays when the state has gone on.
    pub settled_as: Option<Word<Settlement>>,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A photo that the customer sent with a dispute, and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisputePhoto {
    pub id: Uuid,
    pub content_type: String,
    /// Bytes.
    pub size: i64,
    /// Of the original, hexadecimal.
    pub sha256: String,
    /// In pixels, once it is upright.
    pub width: u32,
    pub height: u32,
    pub exif: Json,
    /// What the photo itself says of its time.
    pub taken_at: Option<DateTimeUtc>,
    pub received_at: DateTimeUtc,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
}

impl DisputePhoto {
    /// Where in the bucket the original of a photo is.
    pub fn key(case: Uuid, id: Uuid) -> String {
        format!("dispute/{case}/{id}")
    }

    /// Whose original is at a key: the case and the photo; `None` when it belongs to no dispute.
    pub fn at_key(key: &str) -> Option<(Uuid, Uuid)> {
        let (case, id) = key.strip_prefix("dispute/")?.split_once('/')?;
        Some((case.parse().ok()?, id.parse().ok()?))
    }

    /// Where its copy is: upright, without EXIF, the longer side at most 1600 pixels.
    pub fn copy_key(case: Uuid, id: Uuid) -> String {
        format!("{}.jpg", Self::key(case, id))
    }
}

impl Model {
    /// What the customer sent with the dispute.
    ///
    /// # Errors
    /// When the row holds what is none.
    pub fn dispute_photos(&self) -> Result<Vec<DisputePhoto>, DbErr> {
        stored(format_args!("the photos of the dispute of {}", self.id), &self.dispute_photos)
    }
}

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
