//! Everything that a person needs to decide a return, read from the database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{account, booking, branch, car, damage, derivative, photo, rental_return};
use rules::booking::BookingStatus;
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, ModelTrait, QueryFilter, QueryOrder};
use uuid::Uuid;
use view::rental::Report;

use crate::picture::copies;

/// The facts behind the page.
pub(super) struct Sheet {
    pub(super) rental_return: rental_return::Model,
    pub(super) report: Option<Report>,
    pub(super) booking: booking::Model,
    pub(super) car: car::Model,
    pub(super) branch: branch::Model,
    pub(super) customer: account::Model,
    /// The photos that count, of both occasions.
    pub(super) photos: Vec<photo::Model>,
    /// The large copies by photo; those that are made already.
    pub(super) copies: HashMap<Uuid, derivative::Model>,
    /// The open items of the car's register.
    pub(super) known: Vec<damage::Model>,
    pub(super) next_start: Option<DateTime<Utc>>,
    pub(super) now: DateTime<Utc>,
}

async fn one<E: EntityTrait>(query: sea_orm::Select<E>, db: &DatabaseConnection) -> Result<E::Model, DbErr>
where
    E::Model: ModelTrait + Send + Sync,
{
    query.one(db).await?.ok_or_else(|| DbErr::RecordNotFound("something that a return refers to".to_owned()))
}

impl Sheet {
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn load(
        db: &DatabaseConnection,
        rental_return: rental_return::Model,
        now: DateTime<Utc>,
    ) -> Result<Self, DbErr> {
        let booking = one(booking::Entity::find_by_id(rental_return.booking_id), db).await?;
        let photos = photo::Entity::counting(db, booking.id).await?;
        Ok(Self {
            report: Report::of(&rental_return)?,
            car: one(car::Entity::find_by_id(booking.car_id), db).await?,
            branch: one(branch::Entity::find_by_id(booking.branch_id), db).await?,
            customer: one(account::Entity::find_by_id(booking.customer_id), db).await?,
            copies: copies(db, &photos).await?,
            known: damage::Entity::open_on(booking.car_id).all(db).await?,
            next_start: next_start(db, &booking).await?,
            rental_return,
            booking,
            photos,
            now,
        })
    }
}

/// When the car is wanted again.
async fn next_start(db: &DatabaseConnection, booking: &booking::Model) -> Result<Option<DateTime<Utc>>, DbErr> {
    use booking::Column;
    let next = booking::Entity::find()
        .filter(Column::CarId.eq(booking.car_id))
        .filter(Column::Id.ne(booking.id))
        .filter(Column::StartsAt.gte(booking.starts_at))
        .filter(Column::Status.is_in([BookingStatus::Pending.as_str(), BookingStatus::Confirmed.as_str()]));
    Ok(next.order_by_asc(Column::StartsAt).one(db).await?.map(|next| next.starts_at))
}
