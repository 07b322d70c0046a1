//! What is made of an accepted photo: smaller copies, and what the model sees on it.

mod arrival;
mod comparison;
mod detect;
mod forget;
mod record;
mod room;
mod thumbnail;

use std::sync::Arc;

use bytes::Bytes;
use entity::{photo, rental_return};
use image::RgbImage;
use jobs::rental::ReportReturn;
use rules::{photo::Limits, rental::ReturnState};
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect};
use sha2::{Digest, Sha256};

use self::room::in_room;
use crate::{
    Context, JobError, Work,
    vision::{decode, landmark, refusal::Refusal},
};

pub(crate) use arrival::{Declared, arrivals, keep_upload, large_copy, received, same_sides};
pub(crate) use comparison::Comparison;
pub(crate) use record::{Refused, Scene, awaiting, next_version, photos_missing, photos_refused, record};

/// The original as it was accepted, or why it is not there, in words.
async fn original(work: &Work, photo: &photo::Model) -> Result<Result<Bytes, &'static str>, JobError> {
    let Some(read) = work.context.bucket.get(&photo.object_key, Limits::default().max_bytes).await? else {
        return Ok(Err("the original is no longer in the bucket"));
    };
    let same = |bytes: &Bytes| photo.sha256.as_deref() == Some(Sha256::digest(bytes).as_slice());
    Ok(read.ok().filter(same).ok_or("the original changed after it was received"))
}

/// A photo as it is looked at: upright, and with as many pixels as model and landmarks make use of. For
/// both alike, because landmarks depend on the pixels that they are found on.
async fn seen(context: Arc<Context>, bytes: Bytes) -> Result<Result<RgbImage, Refusal>, JobError> {
    let room = decode::takes(&bytes);
    let look = move || {
        let of_model = context.detector.get().map_or(0, |detector| detector.long_side());
        decode::upright_from(&bytes, of_model.max(landmark::LONG_SIDE))
    };
    in_room(room, look).await
}

/// Locks the return that waits for a photo, be it of the pick-up or of the return. Before the
/// photo is written, so that of two jobs that finish the last photos one sees what the other did.
async fn lock_return(tx: &DatabaseTransaction, photo: &photo::Model) -> Result<Option<rental_return::Model>, DbErr> {
    let of_booking = rental_return::Column::BookingId.eq(photo.booking_id);
    rental_return::Entity::find().filter(of_booking).lock_exclusive().one(tx).await
}

/// How often the return is waited for.
const WAITS: u32 = 10;

/// A transaction that holds the return of the photo. Whoever must give way stands in line again: begun anew, the job would
/// look at the photo once more, for up to a minute, or make its copies again.
async fn begin_with_return(
    work: &Work,
    photo: &photo::Model,
) -> Result<(DatabaseTransaction, Option<rental_return::Model>), JobError> {
    let try_to_begin = async || {
        let tx = work.begin().await?;
        let rental_return = lock_return(&tx, photo).await?;
        Ok::<_, JobError>((tx, rental_return))
    };
    for _ in 1..WAITS {
        match try_to_begin().await {
            Err(error) if error.gave_way() => metrics::counter!("db_retry_total").increment(1),
            begun => return begun,
        }
    }
    try_to_begin().await
}

/// Whether thumbnails and model are through with every photo, those of the pick-up too: without
/// these, known damage would be called new.
pub(crate) fn all_in(photos: &[photo::Model]) -> bool {
    let derived = |photo: &photo::Model| photo.derived_at.is_some() || photo.derive_failure.is_some();
    photos.iter().all(|photo| derived(photo) && photo.analysed_at.is_some())
}

/// The report, when this was the last photo that it waited for.
async fn report_when_all_in(
    tx: &DatabaseTransaction,
    work: &mut Work,
    rental_return: Option<rental_return::Model>,
) -> Result<(), DbErr> {
    let Some(rental_return) = rental_return.filter(|it| it.state.0 == ReturnState::Inspecting) else { return Ok(()) };
    if all_in(&photo::Entity::counting(tx, rental_return.booking_id).await?) {
        work.then(&ReportReturn { return_id: rental_return.id, turn: rental_return.turn, overdue: false });
    }
    Ok(())
}
