//! Damage: what it usually costs.

use rules::{damage::MatrixLine, money::Currency};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, Queue};

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
