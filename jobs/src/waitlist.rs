//! Waiting for time that is taken.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, Queue};

/// Time of a car became free: see who waits for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromoteWaitlist {
    pub car_id: Uuid,
}

impl Job for PromoteWaitlist {
    const KIND: &'static str = "promote_waitlist";
    const QUEUE: Queue = Queue::Waitlist;
}
