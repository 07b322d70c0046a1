//! How a photo of the return lies over older photos of its side, and which other slots show the same view.
//!
//! Everything here is a help: what cannot be read or laid over another is a reason in
//! words, and no job fails of it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use entity::{damage, photo};
use image::RgbImage;
use rules::{damage::Overlay, rental::Occasion};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::{original, seen};
use crate::{
    JobError, Work,
    vision::{
        landmark::{Landmarks, landmarks},
        overlay::{METHOD, lay, same_view},
    },
};

/// How long other photos may be read and compared. Usually it takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// Of how many older photos with registered damage the overlay is sought, the newest first.
const REGISTERED: usize = 4;

/// What is stored with a photo of the return.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Comparison {
    /// Version of the way photos are laid over each other.
    pub(crate) method: u32,
    pub(crate) overlays: Vec<Laid>,
    /// Photos of other slots of this return that show the very same view.
    pub(crate) same_view: Vec<Uuid>,
}

/// How the photo lies over an older one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Laid {
    /// The older photo.
    pub(crate) onto: Uuid,
    pub(crate) overlay: Option<Overlay>,
    /// Why there is no overlay, in words.
    pub(crate) apart: Option<String>,
}

impl Comparison {
    /// As it was stored; what cannot be read is none.
    pub(crate) fn of(photo: &photo::Model) -> Option<Self> {
        serde_json::from_value(photo.comparison.clone()?).ok()
    }

    pub(crate) fn onto(&self, photo: Uuid) -> Option<&Laid> {
        self.overlays.iter().find(|laid| laid.onto == photo)
    }
}

/// Compares a photo of the return with those that a person would hold beside it.
///
/// # Errors
/// When the database fails.
pub(super) async fn compare(work: &Work, photo: &photo::Model, own: Arc<Landmarks>) -> Result<Comparison, JobError> {
    let counting = photo::Entity::counting(work.db(), photo.booking_id).await?;
    let (pickup, returned): (Vec<_>, Vec<_>) = counting.into_iter().partition(|it| it.occasion.0 == Occasion::Pickup);
    let mut older: Vec<_> = pickup.into_iter().filter(|it| it.slot == photo.slot).collect();
    older.extend(registered(work, photo).await?);

    let until = Instant::now() + PATIENCE;
    let mut overlays = Vec::new();
    for other in &older {
        let laid = laid_over(work, &own, other, until).await;
        overlays.push(match laid {
            Ok((overlay, _)) => Laid { onto: other.id, overlay: Some(overlay), apart: None },
            Err(reason) => Laid { onto: other.id, overlay: None, apart: Some(reason) },
        });
    }
    let mut same_view = Vec::new();
    for other in returned.iter().filter(|it| it.slot != photo.slot) {
        if laid_over(work, &own, other, until).await.is_ok_and(|(_, same)| same) {
            same_view.push(other.id);
        }
    }
    Ok(Comparison { method: METHOD, overlays, same_view })
}

/// The photos on which open items of the register were marked, of this side.
async fn registered(work: &Work, photo: &photo::Model) -> Result<Vec<photo::Model>, JobError> {
    let items = damage::Entity::find()
        .filter(damage::Column::CarId.eq(photo.car_id))
        .filter(damage::Column::Side.eq(photo.slot.0.as_str()))
        .filter(damage::Column::RepairedAt.is_null())
        .filter(damage::Column::Region.is_not_null())
        .order_by_desc(damage::Column::CreatedAt)
        .order_by_desc(damage::Column::Id)
        .all(work.db())
        .await?;
    let mut ids: Vec<Uuid> = Vec::new();
    for id in items.iter().filter_map(|item| item.photo_id) {
        if !ids.contains(&id) && ids.len() < REGISTERED {
            ids.push(id);
        }
    }
    let of_these = photo::Entity::find().filter(photo::Column::Id.is_in(ids)).filter(photo::Column::Id.ne(photo.id));
    Ok(of_these.order_by_asc(photo::Column::Id).all(work.db()).await?)
}

/// The overlay, and whether both show the very same view; or why there is none.
async fn laid_over(
    work: &Work,
    own: &Arc<Landmarks>,
    other: &photo::Model,
    until: Instant,
) -> Result<(Overlay, bool), String> {
    let late = |_| Err("there was no time to compare the photos".to_owned());
    tokio::time::timeout_at(until, fit(work, own.clone(), other)).await.unwrap_or_else(late)
}

async fn fit(work: &Work, own: Arc<Landmarks>, other: &photo::Model) -> Result<(Overlay, bool), String> {
    let known = match Recent::find(other) {
        Some(known) => Seen::Before(known),
        None => Seen::Now(read(work, other).await?, other.sha256.clone().unwrap_or_default()),
    };
    let laying = tokio::task::spawn_blocking(move || {
        let other = known.landmarks();
        let overlay = lay(&own, &other).map_err(|apart| apart.to_string())?;
        let same = same_view(&own, &other, &overlay);
        Ok((overlay, same))
    });
    laying.await.unwrap_or_else(|_| Err("the comparison crashed".to_owned()))
}

async fn read(work: &Work, photo: &photo::Model) -> Result<RgbImage, String> {
    let reading = async {
        match original(work, photo).await? {
            Ok(bytes) => Ok(seen(work.context.clone(), bytes).await?.map_err(|refusal| refusal.words)),
            Err(words) => Ok(Err(words.to_owned())),
        }
    };
    reading.await.unwrap_or_else(|error: JobError| {
        tracing::warn!(?error, photo = %photo.id, "a photo to compare with cannot be read");
        Err("the other photo cannot be read now".to_owned())
    })
}

enum Seen {
    Before(Arc<Landmarks>),
    Now(RgbImage, Vec<u8>),
}

impl Seen {
    fn landmarks(self) -> Arc<Landmarks> {
        match self {
            Self::Before(landmarks) => landmarks,
            Self::Now(picture, sha256) => Recent::keep(sha256, landmarks(&picture)),
        }
    }
}

/// The landmarks of the photos that this process saw last: those of one return are needed by
/// each other. A photo is named by the hash of its bytes, so what is found is what would be made.
pub(super) struct Recent(VecDeque<(Vec<u8>, Arc<Landmarks>)>);

static RECENT: Mutex<Recent> = Mutex::new(Recent(VecDeque::new()));

impl Recent {
    /// Some 40 KB each.
    const PLACES: usize = 64;

    fn find(photo: &photo::Model) -> Option<Arc<Landmarks>> {
        let sha256 = photo.sha256.as_ref()?;
        let recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
        recent.0.iter().find(|(hash, _)| hash == sha256).map(|(_, landmarks)| landmarks.clone())
    }

    pub(super) fn keep(sha256: Vec<u8>, landmarks: Landmarks) -> Arc<Landmarks> {
        let landmarks = Arc::new(landmarks);
        let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
        if !recent.0.iter().any(|(hash, _)| *hash == sha256) {
            recent.0.truncate(Self::PLACES - 1);
            recent.0.push_front((sha256, landmarks.clone()));
        }
        landmarks
    }
}
