//! The photos that come with a dispute: judged like those of a return.

use bytes::Bytes;
use chrono_tz::Tz;
use entity::damage_case::DisputePhoto;
use futures::future::try_join_all;
use jobs::{
    Refusal,
    damage::{self, DisputeDamage},
};
use rules::problem;
use uuid::Uuid;

use crate::{
    Context, JobError, Work,
    photo::{Declared, keep_upload, large_copy, received},
    vision::gate,
};

/// A photo that can be kept, and its copy without EXIF.
pub(super) struct Attachment {
    pub(super) photo: DisputePhoto,
    /// Where it waits.
    upload: String,
    copy: Bytes,
}

/// Looks at everything that came along, and tells everything that cannot be taken.
///
/// # Errors
/// When the bucket does not answer.
pub(super) async fn attachments(
    work: &Work,
    asked: &DisputeDamage,
    zone: Tz,
) -> Result<Result<Vec<Attachment>, Refusal>, JobError> {
    let looked = try_join_all(asked.photos.iter().map(|photo| attachment(work, asked, photo, zone))).await?;
    let wrong = (0..).zip(&looked).filter_map(|(at, looked): (usize, _)| Some((at, looked.as_ref().err()?)));
    let mut wrong = wrong.peekable();
    if wrong.peek().is_none() {
        return Ok(Ok(looked.into_iter().flatten().collect()));
    }
    let words = "Some photos cannot be accepted, so nothing was sent. Please choose the photos again.";
    let refusal = Refusal::new(problem::PHOTOS_REFUSED.code, words);
    Ok(Err(wrong.fold(refusal, |refusal, (at, why)| {
        refusal.because(format!("/photos/{at}"), format!("Photo {}: {}", at + 1, why.words))
    })))
}

async fn attachment(
    work: &Work,
    asked: &DisputeDamage,
    photo: &damage::DisputePhoto,
    zone: Tz,
) -> Result<Result<Attachment, gate::Refusal>, JobError> {
    let declared = Declared::new(photo.size, &photo.sha256);
    let judged = received(&work.context, &photo.object_key, &photo.content_type, &declared, false).await?;
    let (bytes, original) = match judged {
        Ok(passed) => passed,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let inspected = original.inspected;
    let kept = DisputePhoto {
        id: photo.photo_id,
        content_type: inspected.format.as_str().to_owned(),
        size: photo.size,
        sha256: inspected.sha256,
        width: inspected.width,
        height: inspected.height,
        taken_at: inspected.claims.taken(zone),
        exif: serde_json::to_value(&inspected.claims)?,
        received_at: work.asked_at(),
        ip: asked.ip.clone(),
        user_agent: asked.user_agent.clone(),
    };
    Ok(Ok(Attachment { photo: kept, upload: photo.object_key.clone(), copy: large_copy(bytes).await?.into() }))
}

/// Keeps the originals, and puts the copies beside them.
///
/// # Errors
/// When the bucket does not take them.
pub(super) async fn keep(context: &Context, case: Uuid, attachments: &[Attachment]) -> Result<(), JobError> {
    for attachment in attachments {
        keep_upload(context, &attachment.upload).await?;
        let key = DisputePhoto::copy_key(case, attachment.photo.id);
        context.bucket.put(&key, "image/jpeg", attachment.copy.clone()).await?;
    }
    Ok(())
}
