//! Damage: what it usually costs, and what becomes of it once a person has confirmed it.

use rules::{
    damage::{MatrixLine, Settlement},
    money::Currency,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, OUTSIDE_ATTEMPTS, Queue};

/// An admin replaces the price list of damage by a new version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplaceDamageMatrix {
    pub currency: Currency,
    pub lines: Vec<MatrixLine>,
    pub replaced_by: Uuid,
}

impl Job for ReplaceDamageMatrix {
    const KIND: &'static str = "replace_damage_matrix";
    const QUEUE: Queue = Queue::Booking;
}

/// The customer agrees with what was confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AcceptDamage {
    pub case_id: Uuid,
    pub customer_id: Uuid,
    /// Said on the page that a mail links to, rather than with a login.
    #[serde(default)]
    pub via_link: bool,
}

impl Job for AcceptDamage {
    const KIND: &'static str = "accept_damage";
    const QUEUE: Queue = Queue::Booking;
}

/// A photo that comes with a dispute, which the front has streamed to the bucket already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DisputePhoto {
    pub photo_id: Uuid,
    pub object_key: String,
    pub content_type: String,
    pub size: i64,
    /// Of the bytes as they arrived, hexadecimal.
    pub sha256: String,
}

/// The customer sees it differently.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DisputeDamage {
    pub case_id: Uuid,
    pub customer_id: Uuid,
    /// What they say.
    pub words: String,
    #[serde(default)]
    pub photos: Vec<DisputePhoto>,
    /// From where it was said; kept with the photos as evidence.
    #[serde(default)]
    pub ip: Option<String>,
    #[serde(default)]
    pub user_agent: Option<String>,
    #[serde(default)]
    pub via_link: bool,
}

impl Job for DisputeDamage {
    const KIND: &'static str = "dispute_damage";
    const QUEUE: Queue = Queue::Booking;
    const MAX_ATTEMPTS: i32 = OUTSIDE_ATTEMPTS;
}

/// A person answers a dispute, lets the amount go, or writes down what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettleDamage {
    pub case_id: Uuid,
    pub settled_by: Uuid,
    pub settlement: Settlement,
    /// Minor units, with [`Settlement::Reduced`].
    #[serde(default)]
    pub amount: Option<i64>,
    /// The customer reads it.
    pub reason: String,
    #[serde(default)]
    pub via_link: bool,
}

impl Job for SettleDamage {
    const KIND: &'static str = "settle_damage";
    const QUEUE: Queue = Queue::Booking;
}

/// Everything that speaks for and against a case, as JSON and PDF in the bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportEvidence {
    pub case_id: Uuid,
    pub exported_by: Uuid,
}

impl Job for ExportEvidence {
    const KIND: &'static str = "export_evidence";
    const QUEUE: Queue = Queue::Thumbnail;
    const MAX_ATTEMPTS: i32 = OUTSIDE_ATTEMPTS;
}

/// The time for a dispute is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndDisputeWindow {
    pub case_id: Uuid,
}

impl Job for EndDisputeWindow {
    const KIND: &'static str = "end_dispute_window";
    const QUEUE: Queue = Queue::Booking;

    fn dedupe_key(&self) -> Option<String> {
        Some(self.case_id.to_string())
    }
}
