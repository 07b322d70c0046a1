//! One upload to one slot: the immutable original and what is known of it.

use std::collections::HashMap;

use rules::rental::{Occasion, Slot};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*};

use crate::Word;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
#[sea_orm(table_name = "photo")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub booking_id: Uuid,
    pub return_id: Option<Uuid>,
    pub car_id: Uuid,
    pub occasion: Word<Occasion>,
    pub slot: Word<Slot>,
    pub version: i32,
    pub turn: i32,
    pub state: String,
    pub refusal: Option<String>,
    pub refusal_detail: Option<String>,
    pub object_key: String,
    pub content_type: Option<String>,
    pub size: Option<i64>,
    pub declared_sha256: Option<Vec<u8>>,
    pub sha256: Option<Vec<u8>>,
    pub width: Option<i32>,
    pub height: Option<i32>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub exif: Option<Json>,
    pub taken_at: Option<DateTimeUtc>,
    pub warnings: Vec<String>,
    pub fingerprint: Option<i64>,
    pub uploaded_by: Uuid,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: DateTimeUtc,
    pub received_at: Option<DateTimeUtc>,
    pub derived_at: Option<DateTimeUtc>,
    pub derive_failure: Option<String>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub analysis: Option<Json>,
    pub analysis_failure: Option<String>,
    pub analysed_at: Option<DateTimeUtc>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub comparison: Option<Json>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The photos of a rental that count: the last accepted one per occasion and slot,
    /// pick-up first, in the order of the slots.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counting(db: &impl ConnectionTrait, booking: Uuid) -> Result<Vec<Model>, DbErr> {
        Ok(Self::counting_of(db, [booking]).await?.remove(&booking).unwrap_or_default())
    }

    /// The same of several rentals, by their bookings; those without photos are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counting_of(
        db: &impl ConnectionTrait,
        bookings: impl IntoIterator<Item = Uuid>,
    ) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
        let photos = Self::find()
            .filter(Column::BookingId.is_in(bookings))
            .filter(Column::State.eq(ACCEPTED))
            .distinct_on([Column::BookingId, Column::Occasion, Column::Slot])
            .order_by_asc(Column::BookingId)
            .order_by_asc(Column::Occasion)
            .order_by_asc(Column::Slot)
            .order_by_desc(Column::Version)
            .all(db)
            .await?;
        let mut by_booking: HashMap<Uuid, Vec<Model>> = HashMap::new();
        for photo in photos {
            by_booking.entry(photo.booking_id).or_default().push(photo);
        }
        for photos in by_booking.values_mut() {
            photos.sort_by_key(|photo| (photo.occasion.0, photo.slot.0));
        }
        Ok(by_booking)
    }
}

/// Where in the bucket an accepted original is kept.
pub fn key(booking: Uuid, id: Uuid, at: DateTimeUtc) -> String {
    format!("photo/{}/{booking}/{id}", at.format("%Y/%m"))
}

/// The `state` of a photo that counts as evidence.
pub const ACCEPTED: &str = "accepted";
/// The `state` of a slot's version whose upload nobody has looked at.
pub const AWAITING: &str = "awaiting";
/// The `state` of a photo that was looked at and not taken.
pub const REFUSED: &str = "refused";
