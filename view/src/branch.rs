use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A place where cars stand.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Branch {
    pub id: Uuid,
    pub name: String,
    /// IANA name, such as `Europe/Berlin`.
    pub time_zone: String,
    pub address: Option<String>,
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    /// Minutes that a car is busy after each rental.
    pub turnaround_minutes: i32,
    /// May a clean return make its car available again without a person?
    pub auto_release: bool,
    pub created_at: DateTime<Utc>,
}

impl From<entity::branch::Model> for Branch {
    fn from(branch: entity::branch::Model) -> Self {
        Self {
            id: branch.id,
            name: branch.name,
            time_zone: branch.time_zone,
            address: branch.address,
            lat: branch.latitude,
            lon: branch.longitude,
            turnaround_minutes: branch.turnaround_minutes,
            auto_release: branch.auto_release,
            created_at: branch.created_at,
        }
    }
}
