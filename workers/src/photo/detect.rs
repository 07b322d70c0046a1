use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use entity::photo;
use jobs::{fault, photo::DetectDamage};
use rules::rental::Occasion;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, EntityTrait, IntoActiveModel};

use super::{
    begin_with_return,
    comparison::{Comparison, Recent, compare},
    original, report_when_all_in, seen,
};
use crate::{
    Context, Ending, JobError, Perform, Work,
    vision::{
        detector::{Detections, PATIENCE, Unavailable},
        landmark::{Landmarks, landmarks},
    },
};

/// What was seen on a photo.
struct Looked {
    /// What the model saw, or why it saw nothing, in words.
    analysis: Result<Detections, String>,
    /// By which the photo is recognised on others; none when it could not be read.
    landmarks: Option<Arc<Landmarks>>,
}

async fn look(context: Arc<Context>, bytes: Bytes, sha256: Vec<u8>) -> Result<Looked, JobError> {
    let picture = match seen(context.clone(), bytes).await? {
        Ok(picture) => picture,
        Err(refusal) => return Ok(Looked::nothing(refusal.words)),
    };
    let looking = tokio::task::spawn_blocking(move || {
        let landmarks = Some(Recent::keep(sha256, landmarks(&picture)));
        let seen = context.detector.get().and_then(|detector| detector.detect(&picture));
        Looked { analysis: seen.map_err(|unavailable| unavailable.reason), landmarks }
    });
    Ok(looking.await?)
}

impl Looked {
    fn nothing(reason: impl Into<String>) -> Self {
        Self { analysis: Err(reason.into()), landmarks: None }
    }
}

/// What the model saw, or why it saw nothing, in words: a model that is missing, broken or
/// stuck fails no job, because nothing may wait for it (R5).
async fn analyse(context: Arc<Context>, bytes: Bytes, sha256: Vec<u8>) -> Looked {
    match tokio::time::timeout(PATIENCE, look(context, bytes, sha256)).await {
        Ok(Ok(looked)) => looked,
        Ok(Err(_)) => Looked::nothing("the model crashed"),
        Err(_) => Looked::nothing(Unavailable::slow(PATIENCE).reason),
    }
}

async fn record(
    tx: &DatabaseTransaction,
    work: &Work,
    photo: photo::Model,
    analysis: Result<Detections, String>,
    comparison: Option<Comparison>,
) -> Result<(), JobError> {
    let (detections, failure) = match analysis {
        Ok(detections) => (Some(serde_json::to_value(detections)?), None),
        Err(reason) => (None, Some(reason)),
    };
    let mut row = photo.into_active_model();
    row.analysis = Set(detections);
    row.analysis_failure = Set(failure);
    row.analysed_at = Set(Some(work.now()));
    row.comparison = Set(comparison.map(serde_json::to_value).transpose()?);
    row.update(tx).await?;
    Ok(())
}

/// What needs a look: the photo, and beside a photo of the return the one of the same side at
/// the pick-up, if the model failed on that one then. Without it nothing could be compared.
async fn unseen(work: &Work, photo: photo::Model) -> Result<Vec<photo::Model>, JobError> {
    let mut photos = Vec::new();
    if photo.occasion.0 == Occasion::Return {
        let counting = photo::Entity::counting(work.db(), photo.booking_id).await?.into_iter();
        let before = |other: &photo::Model| other.occasion.0 == Occasion::Pickup && other.slot == photo.slot;
        photos.extend(counting.filter(|other| before(other) && other.analysis_failure.is_some()));
    }
    photos.push(photo);
    Ok(photos)
}

async fn analyse_original(work: &Work, photo: &photo::Model) -> Result<Looked, JobError> {
    let looked = match original(work, photo).await? {
        Ok(bytes) => analyse(work.context.clone(), bytes, photo.sha256.clone().unwrap_or_default()).await,
        Err(words) => Looked::nothing(words),
    };
    let outcome = if looked.analysis.is_ok() { "analysed" } else { "not_analysed" };
    metrics::counter!("photos_looked_at_total", "outcome" => outcome).increment(1);
    if let Err(reason) = &looked.analysis {
        tracing::warn!(reason, photo = %photo.id, "not analysed");
        if fault::removed("model_only_advises") {
            return Err(JobError::GiveUp(reason.clone()));
        }
    }
    Ok(looked)
}

/// Photos of the return are compared, those of the pick-up are what they are compared with.
async fn compared(work: &Work, photo: &photo::Model, looked: &Looked) -> Result<Option<Comparison>, JobError> {
    match &looked.landmarks {
        Some(landmarks) if photo.occasion.0 == Occasion::Return => {
            Ok(Some(compare(work, photo, landmarks.clone()).await?))
        }
        _ => Ok(None),
    }
}

impl Perform for DetectDamage {
    /// Two photos, each with the model's patience, and the photos that they are compared with.
    const TIMEOUT: Duration = Duration::from_secs(180);

    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let Some(photo) = photo::Entity::find_by_id(self.photo_id).one(work.db()).await? else {
            return Ok(work.skip("the photo is gone"));
        };
        if photo.state != photo::ACCEPTED || photo.analysis.is_some() {
            return Ok(work.skip("the photo needs no look"));
        }
        let mut looked = Vec::new();
        for photo in unseen(&work, photo.clone()).await? {
            let seen = analyse_original(&work, &photo).await?;
            let comparison = compared(&work, &photo, &seen).await?;
            looked.push((photo, seen.analysis, comparison));
        }

        let (tx, rental_return) = begin_with_return(&work, &photo).await?;

        for (photo, analysis, comparison) in looked {
            record(&tx, &work, photo, analysis, comparison).await?;
        }

        report_when_all_in(&tx, &mut work, rental_return).await?;
        work.done(tx, serde_json::json!({ "photoId": self.photo_id }))
    }
}
