//! The rental itself: pick-up, return and the decision on the return.

use rules::rental::{Slot, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{Job, OUTSIDE_ATTEMPTS, Queue};

/// A photo that the front has streamed to the bucket already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UploadedPhoto {
    pub photo_id: Uuid,
    pub slot: Slot,
    pub object_key: String,
    pub content_type: String,
    pub size: i64,
    /// Of the bytes as they arrived, hexadecimal.
    pub sha256: String,
}

/// Who asks, and from where; kept with the photos as evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asker {
    pub account_id: Uuid,
    /// May act for everybody's bookings.
    pub staff: bool,
    #[serde(default)]
    pub ip: Option<String>,
    #[serde(default)]
    pub user_agent: Option<String>,
}

/// The customer takes the car.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PickUpCar {
    pub booking_id: Uuid,
    pub asker: Asker,
    /// Kilometres.
    pub odometer: i32,
    /// 0.0 empty to 1.0 full.
    pub fuel: f64,
    #[serde(default)]
    pub photos: Vec<UploadedPhoto>,
    /// Staff only: why the reading is right although it does not fit the last one.
    #[serde(default)]
    pub odometer_correction: Option<String>,
}

impl Job for PickUpCar {
    const KIND: &'static str = "pick_up_car";
    const QUEUE: Queue = Queue::Booking;
    const MAX_ATTEMPTS: i32 = OUTSIDE_ATTEMPTS;
}

/// The customer begins to give the car back: opens the four slots, or new versions of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenReturn {
    pub return_id: Uuid,
    pub booking_id: Uuid,
    pub asker: Asker,
}

impl Job for OpenReturn {
    const KIND: &'static str = "open_return";
    const QUEUE: Queue = Queue::Booking;
}

/// The car is back. Names either the open return, or, when everything came in one
/// request, the booking with the photos.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReturnCar {
    pub return_id: Uuid,
    /// Set when the return is opened and completed in one go.
    #[serde(default)]
    pub booking_id: Option<Uuid>,
    pub asker: Asker,
    /// Kilometres.
    pub odometer: i32,
    /// 0.0 empty to 1.0 full.
    pub fuel: f64,
    #[serde(default)]
    pub photos: Vec<UploadedPhoto>,
    /// Staff only: why there are no photos.
    #[serde(default)]
    pub without_photos_reason: Option<String>,
    /// Nobody wants to be asked for better photos: they are taken as they are.
    #[serde(default)]
    pub accept_as_is: bool,
    /// Staff only: why the reading is right although it does not fit the last one.
    #[serde(default)]
    pub odometer_correction: Option<String>,
}

impl Job for ReturnCar {
    const KIND: &'static str = "return_car";
    const QUEUE: Queue = Queue::Booking;
    const MAX_ATTEMPTS: i32 = OUTSIDE_ATTEMPTS;
}

/// All photos of a return are in, or one gave up: assemble the report and tell the admins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportReturn {
    pub return_id: Uuid,
    /// How often better photos were asked for before this.
    #[serde(default)]
    pub turn: i32,
    /// The patience with thumbnails and model is over: report what there is.
    #[serde(default)]
    pub overdue: bool,
}

impl Job for ReportReturn {
    const KIND: &'static str = "report_return";
    const QUEUE: Queue = Queue::Booking;

    fn dedupe_key(&self) -> Option<String> {
        Some(format!("{}/{}/{}", self.return_id, self.turn, if self.overdue { "overdue" } else { "complete" }))
    }
}

/// A person decides a return.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecideReturn {
    pub return_id: Uuid,
    pub decided_by: Uuid,
    /// Decided from the page that a mail links to, rather than with a login.
    #[serde(default)]
    pub via_link: bool,
    pub verdict: Verdict,
    /// What is confirmed: `[{number?, side, panel?, class, severity, note?, estimate?}]`.
    #[serde(default)]
    pub findings: Vec<Value>,
    #[serde(default)]
    pub note: Option<String>,
}

impl Job for DecideReturn {
    const KIND: &'static str = "decide_return";
    const QUEUE: Queue = Queue::Booking;
}
