use std::time::Duration;

use bytes::Bytes;
use entity::{derivative, photo, upload};
use jobs::{fault, photo::MakeThumbnails};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{begin_with_return, original, report_when_all_in, room::in_room};
use crate::{
    Ending, JobError, Perform, Work,
    vision::{
        decode,
        derivative::{Derivative, derive},
    },
};

/// The key of a copy: made of ids alone, so that a repeat overwrites an object with itself.
fn key(photo: Uuid, variant: &str) -> String {
    format!("derivative/{photo}/{variant}.jpg")
}

/// The copies, or why there can be none, in words: a report waits for either.
async fn copies(work: &Work, photo: &photo::Model) -> Result<Result<Vec<Derivative>, String>, JobError> {
    let bytes = match original(work, photo).await? {
        Ok(bytes) => bytes,
        Err(words) if fault::removed("missing_is_final") => return Err(JobError::Retry(anyhow::Error::msg(words))),
        Err(words) => return Ok(Err(words.to_owned())),
    };
    let room = decode::takes(&bytes);
    let copies = in_room(room, move || derive(&bytes)).await?;
    Ok(copies.map_err(|refusal| refusal.words))
}

async fn store(work: &Work, photo: Uuid, copies: &[Derivative]) -> Result<(), JobError> {
    for copy in copies {
        let body = Bytes::from(copy.jpeg.clone());
        work.context.bucket.put(&key(photo, copy.variant), "image/jpeg", body).await?;
    }
    Ok(())
}

/// The original is kept elsewhere by now. Should this fail, some bytes lie there in vain.
async fn forget_upload(work: &Work, photo: &photo::Model) {
    if photo.declared_sha256.is_none()
        && let Err(error) = work.context.bucket.delete(&upload::incoming(&photo.object_key)).await
    {
        tracing::warn!(%error, photo = %photo.id, "an upload that was kept elsewhere could not be deleted");
    }
}

fn row(work: &Work, photo: &photo::Model, copy: &Derivative) -> derivative::ActiveModel {
    let pixels = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
    derivative::ActiveModel {
        photo_id: Set(photo.id),
        variant: Set(copy.variant.to_owned()),
        object_key: Set(key(photo.id, copy.variant)),
        width: Set(pixels(copy.width)),
        height: Set(pixels(copy.height)),
        size: Set(i32::try_from(copy.jpeg.len()).unwrap_or(i32::MAX)),
        source_sha256: Set(photo.sha256.clone().unwrap_or_default()),
        created_at: Set(work.now()),
    }
}

async fn record(
    tx: &DatabaseTransaction,
    work: &Work,
    photo: photo::Model,
    copies: &[Derivative],
) -> Result<(), DbErr> {
    let known = OnConflict::columns([derivative::Column::PhotoId, derivative::Column::Variant]).do_nothing().to_owned();
    let rows = copies.iter().map(|copy| row(work, &photo, copy));
    derivative::Entity::insert_many(rows).on_conflict(known).exec_without_returning(tx).await?;
    let mut row = photo.into_active_model();
    row.derived_at = Set(Some(work.now()));
    row.derive_failure = Set(None);
    row.update(tx).await?;
    Ok(())
}

async fn record_failure(tx: &DatabaseTransaction, photo: photo::Model, reason: String) -> Result<(), DbErr> {
    let mut row = photo.into_active_model();
    row.derive_failure = Set(Some(reason));
    row.update(tx).await?;
    Ok(())
}

impl Perform for MakeThumbnails {
    const TIMEOUT: Duration = Duration::from_secs(60);

    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let Some(photo) = photo::Entity::find_by_id(self.photo_id).one(work.db()).await? else {
            return Ok(work.skip("the photo is gone"));
        };
        if photo.state != photo::ACCEPTED || photo.derived_at.is_some() {
            return Ok(work.skip("the photo needs no copies"));
        }
        let made = copies(&work, &photo).await?;
        match &made {
            Ok(copies) => {
                store(&work, photo.id, copies).await?;
                fault::crash_point("after_copies_before_record");
                forget_upload(&work, &photo).await;
            }
            Err(reason) => tracing::warn!(reason, photo = %photo.id, "no copies made"),
        }

        let (tx, rental_return) = begin_with_return(&work, &photo).await?;

        let id = photo.id;
        match made {
            Ok(copies) => record(&tx, &work, photo, &copies).await?,
            Err(reason) => record_failure(&tx, photo, reason).await?,
        }

        report_when_all_in(&tx, &mut work, rental_return).await?;
        work.done(tx, serde_json::json!({ "photoId": id }))
    }
}
