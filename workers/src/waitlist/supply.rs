//! What can be given away, under the locks of whoever gives.

pub(super) use entity::supply::{Supply, best, clock};
use entity::{branch, car};
use rules::{car::Category, waitlist::Terms};
use sea_orm::{DatabaseTransaction, DbErr, EntityTrait, QuerySelect, sea_query::LockType};
use uuid::Uuid;

/// Waits until nobody else makes offers at this branch. The bookings that refer to it go on meanwhile.
pub(super) async fn lock_branch(tx: &DatabaseTransaction, id: Uuid) -> Result<Option<branch::Model>, DbErr> {
    branch::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await
}

/// Locks a car, then its branch, and looks at what is free.
pub(super) async fn lock(tx: &DatabaseTransaction, car: Uuid, terms: Terms) -> Result<Option<Supply>, DbErr> {
    let Some(car) = car::Entity::find_by_id(car).lock_exclusive().one(tx).await? else { return Ok(None) };
    let Some(branch) = lock_branch(tx, car.branch_id).await? else { return Ok(None) };
    Ok(Supply::of(tx, vec![car], &branch, terms).await?.pop())
}

/// The classes whose entries a car of this class serves if they welcome a better one.
pub(super) fn lesser(class: Category) -> impl Iterator<Item = Category> {
    Category::ALL.iter().copied().filter(move |other| *other < class)
}
