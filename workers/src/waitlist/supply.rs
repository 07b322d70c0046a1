//! What can be given away, under the locks of whoever gives.

use entity::branch;
pub(super) use entity::supply::{Bookable, Supply, Wanted, best, clock};
use jobs::waitlist::Target;
use rules::{car::Category, waitlist::Terms};
use sea_orm::{DatabaseTransaction, DbErr, EntityTrait, QuerySelect, sea_query::LockType};
use uuid::Uuid;

use super::case::lock_car;

/// Waits until nobody else makes offers at this branch. The bookings that refer to it go on meanwhile.
pub(super) async fn lock_branch(tx: &DatabaseTransaction, id: Uuid) -> Result<Option<branch::Model>, DbErr> {
    branch::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await
}

/// Locks what is wanted, so that what is free of it stays as it is until the transaction ends.
pub(super) async fn lock_wanted(tx: &DatabaseTransaction, target: &Target) -> Result<Option<Wanted>, DbErr> {
    let (car, branch) = match target {
        Target::Car { car_id } => {
            let Some(car) = lock_car(tx, *car_id).await? else { return Ok(None) };
            let branch = car.branch_id;
            (Some(car), branch)
        }
        Target::Class { branch_id, .. } => (None, *branch_id),
    };
    Ok(lock_branch(tx, branch).await?.map(|branch| Wanted { car, branch }))
}

/// Locks a car, then its branch, and looks at what is free.
pub(super) async fn lock(tx: &DatabaseTransaction, car: Uuid, terms: Terms) -> Result<Option<Supply>, DbErr> {
    let Some(car) = lock_car(tx, car).await? else { return Ok(None) };
    let Some(branch) = lock_branch(tx, car.branch_id).await? else { return Ok(None) };
    Ok(Supply::of(tx, vec![car], &branch, terms).await?.pop())
}

/// The classes whose entries a car of this class serves if they welcome a better one.
pub(super) fn lesser(class: Category) -> impl Iterator<Item = Category> {
    Category::ALL.iter().copied().filter(move |other| *other < class)
}
