use chrono::{DateTime, Utc};
use poem_openapi::{Object, types::Any};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// How a job stands, as the one who asked and admins see it.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    pub id: Uuid,
    /// What was asked, such as `request_booking`.
    pub kind: String,
    /// `ready`, `running`, `done`, `dead` or `cancelled`.
    pub state: String,
    /// How often it was begun.
    pub attempt: i32,
    /// The final answer: `{"result": "done", "document": …}` or `{"result": "refused", "code": …}`.
    pub outcome: Option<Any<Value>>,
    /// Which attempt did not succeed last; for admins with the reason.
    pub error: Option<Any<Value>>,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}
