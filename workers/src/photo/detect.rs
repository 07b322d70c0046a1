use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use entity::photo;
use jobs::photo::DetectDamage;
use rules::rental::Occasion;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, EntityTrait, IntoActiveModel};

use super::{lock_return, original, report_when_all_in};
use crate::{
    Context, Finished, JobError, Perform, Work,
    vision::{decode, detector::Detections},
};

/// How long the model may look at one photo. Less than the patience of the report, so
/// that a stuck model is named as the reason.
const PATIENCE: Duration = Duration::from_secs(60);

fn look(context: &Context, bytes: &Bytes) -> Result<Detections, String> {
    let detector = context.detector.get().map_err(|unavailable| unavailable.reason)?;
    let picture = decode::upright(bytes).map_err(|refusal| refusal.words)?;
    detector.detect(&picture).map_err(|unavailable| unavailable.reason)
}

/// What the model saw, or why it saw nothing, in words: a model that is missing, broken or
/// stuck fails no job, because nothing may wait for it (R5).
async fn analyse(context: Arc<Context>, bytes: Bytes) -> Result<Detections, String> {
    let looking = tokio::task::spawn_blocking(move || look(&context, &bytes));
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Ok(analysis)) => analysis,
        Ok(Err(_)) => Err("the model crashed".to_owned()),
        Err(_) => Err(format!("the model took longer than {} seconds", PATIENCE.as_secs())),
    }
}

async fn record(
    tx: &DatabaseTransaction,
    work: &Work,
    photo: photo::Model,
    analysis: Result<Detections, String>,
) -> Result<(), JobError> {
    let (detections, failure) = match analysis {
        Ok(detections) => (Some(serde_json::to_value(detections)?), None),
        Err(reason) => (None, Some(reason)),
    };
    let mut row = photo.into_active_model();
    row.analysis = Set(detections);
    row.analysis_failure = Set(failure);
    row.analysed_at = Set(Some(work.now()));
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

async fn analyse_original(work: &Work, photo: &photo::Model) -> Result<Result<Detections, String>, JobError> {
    let analysis = match original(work, photo).await? {
        Ok(bytes) => analyse(work.context.clone(), bytes).await,
        Err(words) => Err(words.to_owned()),
    };
    if let Err(reason) = &analysis {
        tracing::warn!(reason, photo = %photo.id, "not analysed");
    }
    Ok(analysis)
}

impl Perform for DetectDamage {
    /// Two photos, each with the model's patience.
    const TIMEOUT: Duration = Duration::from_secs(180);

    async fn perform(self, mut work: Work) -> Result<Finished, JobError> {
        let Some(photo) = photo::Entity::find_by_id(self.photo_id).one(work.db()).await? else {
            return work.skip("the photo is gone").await;
        };
        if photo.state != photo::ACCEPTED || photo.analysis.is_some() {
            return work.skip("the photo needs no look").await;
        }
        let mut looked = Vec::new();
        for photo in unseen(&work, photo.clone()).await? {
            let analysis = analyse_original(&work, &photo).await?;
            looked.push((photo, analysis));
        }

        let tx = work.begin().await?;
        let rental_return = lock_return(&tx, &photo).await?;

        for (photo, analysis) in looked {
            record(&tx, &work, photo, analysis).await?;
        }

        report_when_all_in(&tx, &mut work, rental_return).await?;
        work.done(tx, serde_json::json!({ "photoId": self.photo_id })).await
    }
}
