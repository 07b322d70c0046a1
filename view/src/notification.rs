use chrono::{DateTime, Utc};
use poem_openapi::{Object, types::Any};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// A message inside the application.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    pub id: Uuid,
    /// `BOOKING`, `REVIEW` or `SYSTEM`.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub message: String,
    pub is_read: bool,
    /// What it is about: `news` and the ids.
    pub data: Any<Value>,
    pub created_at: DateTime<Utc>,
}

/// How many messages were marked as read just now.
#[derive(Clone, Copy, Debug, PartialEq, Object, Serialize, Deserialize)]
pub struct Read {
    pub read: u64,
}

impl From<entity::notification::Model> for Notification {
    fn from(row: entity::notification::Model) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            title: row.title,
            message: row.message,
            is_read: row.is_read,
            data: Any(row.data),
            created_at: row.created_at,
        }
    }
}
