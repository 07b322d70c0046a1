//! The customer begins to give the car back.

use entity::{photo, rental_return, upload};
use jobs::{Job, rental::OpenReturn};
use rules::{
    booking::Event,
    rental::{Occasion, ReturnState, Slot},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter};
use serde_json::json;
use uuid::Uuid;
use view::rental::{OpenedReturn, Upload};

use super::case::{Case, illegal, not_found, note};
use crate::{
    Ending, JobError, Perform, Work,
    photo::{Scene, awaiting, next_version},
};

impl Perform for OpenReturn {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let case = Case::lock(&tx, self.booking_id).await?.filter(|case| case.belongs_to(&self.asker));
        let Some(case) = case else {
            return Ok(work.refuse(not_found()));
        };
        if let Some(refusal) = obstacle(&case) {
            return Ok(work.refuse(refusal));
        }

        let open = match case.rental_return.clone() {
            Some(open) => open,
            None => insert(&tx, &work, &case, self.return_id, self.asker.account_id).await?,
        };
        let return_id = open.id;
        let scene = Scene {
            booking: &case.booking,
            return_id: Some(return_id),
            occasion: Occasion::Return,
            turn: open.turn,
            asker: &self.asker,
            received_at: work.asked_at(),
        };
        let mut uploads = Vec::new();
        for slot in Slot::ALL {
            uploads.push(offer(&tx, &scene, *slot).await?);
        }
        note(&tx, self.asker.account_id, Self::KIND, ("return", return_id), json!({}), work.now()).await?;

        work.done(tx, OpenedReturn { return_id, uploads })
    }
}

/// Why no photos of a return can be taken for this booking now, if so.
pub(super) fn obstacle(case: &Case) -> Option<jobs::Refusal> {
    match &case.rental_return {
        Some(known) if known.state.0.takes_photos() => None,
        Some(_) => Some(illegal("the car is returned already, and no further photos are wanted")),
        None => case.booking.status.0.after(Event::Returned).err().map(illegal),
    }
}

/// The row of a return whose photos are still to come.
pub(super) async fn insert(
    tx: &DatabaseTransaction,
    work: &Work,
    case: &Case,
    id: Uuid,
    opened_by: Uuid,
) -> Result<rental_return::Model, DbErr> {
    let now = work.now();
    let row = rental_return::ActiveModel {
        id: Set(id),
        booking_id: Set(case.booking.id),
        car_id: Set(case.car.id),
        state: Set(ReturnState::Open.into()),
        opened_by: Set(opened_by),
        opened_at: Set(now),
        turn: Set(0),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    };
    row.insert(tx).await
}

/// Versions of one slot; whoever opens a return more often gets the place of the last one again.
const MOST_VERSIONS: i32 = 10;

/// A version of a slot, for its photo to be put to.
async fn offer(tx: &DatabaseTransaction, scene: &Scene<'_>, slot: Slot) -> Result<Upload, DbErr> {
    let version = next_version(tx, scene.booking.id, scene.occasion, slot).await?;
    if version > MOST_VERSIONS {
        let last = photo::Entity::find()
            .filter(photo::Column::BookingId.eq(scene.booking.id))
            .filter(photo::Column::Occasion.eq(scene.occasion.as_str()))
            .filter(photo::Column::Slot.eq(slot.as_str()))
            .filter(photo::Column::Version.eq(version - 1))
            .filter(photo::Column::State.eq(photo::AWAITING));
        if let Some(last) = last.one(tx).await? {
            return Ok(Upload { slot, photo_id: last.id, object_key: last.object_key });
        }
    }
    let photo_id = Uuid::now_v7();
    let object_key = upload::incoming(&photo::key(scene.booking.id, photo_id, scene.received_at));
    awaiting(scene, photo_id, slot, version, object_key.clone()).insert(tx).await?;
    Ok(Upload { slot, photo_id, object_key })
}
