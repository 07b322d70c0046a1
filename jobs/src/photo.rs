//! Photos: what is made of an accepted original.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, OUTSIDE_ATTEMPTS, Queue};

/// Makes the smaller copies of a photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MakeThumbnails {
    pub photo_id: Uuid,
}

impl Job for MakeThumbnails {
    const KIND: &'static str = "make_thumbnails";
    const QUEUE: Queue = Queue::Thumbnail;
    const MAX_ATTEMPTS: i32 = OUTSIDE_ATTEMPTS;

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
    const MAX_ATTEMPTS: i32 = OUTSIDE_ATTEMPTS;

    fn dedupe_key(&self) -> Option<String> {
        Some(self.photo_id.to_string())
    }
}

/// Removes uploads that no job took or will take, and what was copied of them in vain, one page of the bucket at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForgetUploads {
    /// Only what was put there before this.
    pub before: DateTime<Utc>,
    /// The last key of the page before this one.
    #[serde(default)]
    pub after: Option<String>,
}

impl Job for ForgetUploads {
    const KIND: &'static str = "forget_uploads";
    const QUEUE: Queue = Queue::Thumbnail;

    fn dedupe_key(&self) -> Option<String> {
        Some(format!("{}/{}", self.before.to_rfc3339(), self.after.as_deref().unwrap_or_default()))
    }
}
