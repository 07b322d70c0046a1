//! Photos: what is made of an accepted original.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, Queue};

/// Makes the smaller copies of a photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MakeThumbnails {
    pub photo_id: Uuid,
}

impl Job for MakeThumbnails {
    const KIND: &'static str = "make_thumbnails";
    const QUEUE: Queue = Queue::Thumbnail;

    fn dedupe_key(&self) -> Option<String> {
        Some(self.photo_id.to_string())
    }
}

/// Lets the model look at a photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectDamage {
    pub photo_id: Uuid,
}

impl Job for DetectDamage {
    const KIND: &'static str = "detect_damage";
    const QUEUE: Queue = Queue::Damage;
    const MAX_ATTEMPTS: i32 = 3;

    fn dedupe_key(&self) -> Option<String> {
        Some(self.photo_id.to_string())
    }
}
