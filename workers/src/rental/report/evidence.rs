use entity::{booking, damage, damage_matrix, photo, rental_return, stored};
use rules::{
    damage::{Known, Matrix},
    photo::PhotoRefused,
    rental::{Occasion, Slot},
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use crate::{photo::Comparison, vision::detector::Detections};

/// What the report is made of.
pub(super) struct Evidence {
    pub(super) pickup: Vec<Shot>,
    pub(super) returned: Vec<Shot>,
    pub(super) register: Vec<Item>,
    /// The sides for which a file was sent that had been used before.
    pub(super) reused: Vec<Slot>,
    pub(super) matrix: Matrix,
}

/// A photo that counts. What others wrote down about it is read once.
pub(super) struct Shot {
    pub(super) photo: photo::Model,
    /// What the model saw; none when it did not look.
    pub(super) analysis: Option<Detections>,
    pub(super) comparison: Option<Comparison>,
}

/// An open item of the register, and the photo that its box was drawn on.
pub(super) struct Item {
    pub(super) known: Known,
    pub(super) photo: Option<Uuid>,
}

impl Evidence {
    pub(super) async fn gather(tx: &impl ConnectionTrait, rental_return: &rental_return::Model) -> Result<Self, DbErr> {
        let photos = photo::Entity::counting(tx, rental_return.booking_id).await?.into_iter().map(Shot::of);
        let (pickup, returned) = photos.partition(|shot| shot.photo.occasion.0 == Occasion::Pickup);
        let register = damage::Entity::open_on(rental_return.car_id).all(tx).await?;
        let reused = photo::Entity::find()
            .filter(photo::Column::ReturnId.eq(rental_return.id))
            .filter(photo::Column::Refusal.eq(PhotoRefused::Reused.as_str()))
            .order_by_asc(photo::Column::Id)
            .all(tx)
            .await?;
        let reused = reused.iter().map(|photo| photo.slot.0).collect();
        let booking = booking::Entity::find_by_id(rental_return.booking_id).one(tx).await?;
        let mut matrix = damage_matrix::Entity::current(tx).await?.matrix()?;
        // Amounts of another currency would be worse than none.
        if booking.is_none_or(|booking| booking.currency != matrix.currency.as_str()) {
            matrix.lines.clear();
        }
        let register = register.iter().map(Item::of).collect::<Result<_, _>>()?;
        Ok(Self { pickup, returned, register, reused, matrix })
    }

    pub(super) fn pickup_of(&self, slot: Slot) -> Option<&Shot> {
        self.pickup.iter().find(|shot| shot.slot() == slot)
    }

    pub(super) fn returned_of(&self, slot: Slot) -> Option<&Shot> {
        self.returned.iter().find(|shot| shot.slot() == slot)
    }
}

impl Shot {
    /// What cannot be read counts as not looked at: the report says so, and nothing waits.
    fn of(photo: photo::Model) -> Self {
        let analysis = photo.analysis.clone().and_then(|analysis| serde_json::from_value(analysis).ok());
        Self { analysis, comparison: Comparison::of(&photo), photo }
    }

    pub(super) fn slot(&self) -> Slot {
        self.photo.slot.0
    }

    /// A model that knows cars saw none. Where no model was asked, nobody says so.
    pub(super) fn shows_no_car(&self) -> bool {
        self.analysis.as_ref().and_then(|seen| seen.car.as_ref()).is_some_and(|car| !car.is_one())
    }
}

impl Item {
    /// An item of the register as the comparison wants it.
    fn of(item: &damage::Model) -> Result<Self, DbErr> {
        let read = |region| stored(format_args!("the region of damage {}", item.id), region);
        let known = Known {
            side: item.side.0,
            class: item.class.0,
            panel: item.panel.map(|panel| panel.0),
            region: item.region.as_ref().map(read).transpose()?,
            overlay: None,
        };
        Ok(Self { known, photo: item.photo_id })
    }
}
