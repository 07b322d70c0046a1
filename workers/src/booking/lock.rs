//! A booking with its cars, locked in the order that everybody keeps.

use entity::{booking, car};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
};
use uuid::Uuid;

/// What is locked until the transaction ends.
pub(crate) struct Locked {
    pub(crate) booking: booking::Model,
    /// The booking's car.
    pub(crate) car: car::Model,
    /// The other car that was asked for, if there is one.
    pub(crate) other: Option<car::Model>,
}

/// Locks the booking's car and, where one is named, another: cars first and by id, then the booking.
///
/// A booking can be moved to another car while this waits for the first: what was
/// locked is given back then, because a lock on the wrong car protects nothing.
///
/// # Errors
/// When the database fails.
pub(crate) async fn lock(
    tx: &DatabaseTransaction,
    booking: Uuid,
    other: Option<Uuid>,
) -> Result<Option<Locked>, DbErr> {
    loop {
        let Some(seen) = booking::Entity::find_by_id(booking).one(tx).await? else { return Ok(None) };
        // Going back to a savepoint is the only way to let go of a row before the end.
        let attempt = tx.begin().await?;
        let mut cars = car::Entity::find()
            .filter(car::Column::Id.is_in([Some(seen.car_id), other].into_iter().flatten()))
            .order_by_asc(car::Column::Id)
            .lock_exclusive()
            .all(&attempt)
            .await?;
        let Some(booking) = booking::Entity::find_by_id(booking).lock_exclusive().one(&attempt).await? else {
            return Ok(None);
        };
        if booking.car_id != seen.car_id {
            attempt.rollback().await?;
            continue;
        }
        attempt.commit().await?;
        let own = cars.iter().position(|car| car.id == booking.car_id);
        let car = own.map(|own| cars.swap_remove(own));
        let car = car.ok_or_else(|| DbErr::RecordNotFound("the car of a booking".to_owned()))?;
        return Ok(Some(Locked { booking, car, other: cars.pop() }));
    }
}
