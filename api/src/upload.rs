//! Photos that come with a request: streamed past memory to a file that vanishes
//! with the request, looked at, and put into the bucket.
//!
//! They wait there until their job has judged them (`entity::upload`). A client that
//! goes away in the middle leaves no file and no row; what no job ever took, because the
//! request was refused or the front died, `ForgetUploads` removes two days later.

mod incoming;
mod paced;
mod spool;
mod statement;

use chrono::{DateTime, Utc};
use entity::{photo, upload};
use jobs::{fault, rental::UploadedPhoto};
use platform::Bucket;
use rules::{photo::PhotoRefused, problem, rental::Slot};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use uuid::Uuid;

use crate::{
    account::Reasons,
    error::ApiError,
    shape::NUL,
    words::{EXCUSE, written},
};
pub(crate) use incoming::Incoming;
use incoming::Parts;
use spool::Spooled;
pub(crate) use statement::Statement;

/// Bytes of a part that holds a number or a word.
const LONGEST_NUMBER: u64 = 32;
/// Bytes of one that holds a reason of 500 letters.
const LONGEST_REASON: u64 = 2_048;

/// What the instruments show, and photos.
pub(crate) struct Handover {
    /// Kilometres.
    pub(crate) odometer: i32,
    /// 0.0 empty to 1.0 full.
    pub(crate) fuel: f64,
    /// Blurred and dark photos are taken as they are.
    pub(crate) accept_as_is: bool,
    /// Why the odometer is right although it does not fit its last reading.
    pub(crate) odometer_correction: Option<String>,
    photos: Vec<(Slot, Spooled)>,
}

#[derive(Default)]
struct Received {
    odometer: Option<i32>,
    fuel: Option<f64>,
    accept_as_is: bool,
    odometer_correction: Option<String>,
    photos: Vec<(Slot, Spooled)>,
    seen: Vec<String>,
    wrong: Reasons,
    refused: Vec<(Slot, PhotoRefused)>,
}

impl Parts for Received {
    async fn take(&mut self, name: &str, mut part: impl AsyncRead + Send + Unpin) -> std::io::Result<()> {
        let pointer = format!("/{}", name.chars().take(60).collect::<String>());
        let seen = self.seen.iter().any(|seen| seen == name);
        self.seen.push(name.to_owned());
        if seen {
            self.wrong.add(&pointer, "This part was sent twice.");
            return spool::drain(&mut part).await;
        }
        match (name, name.parse::<Slot>()) {
            (_, Ok(slot)) => match spool::spool(&mut part).await? {
                Ok(photo) => self.photos.push((slot, photo)),
                Err(refused) => self.refused.push((slot, refused)),
            },
            ("odometer" | "fuel" | "acceptAsIs" | "odometerCorrection", _) => {
                let mut text = String::new();
                let longest = if name == "odometerCorrection" { LONGEST_REASON } else { LONGEST_NUMBER };
                let read = (&mut part).take(longest).read_to_string(&mut text).await;
                spool::drain(&mut part).await?;
                self.word(name, read.map_or("", |_| text.trim()));
            }
            _ => {
                self.wrong.add(
                    &pointer,
                    "There is no such part. Known are odometer, fuel, odometerCorrection, acceptAsIs, front, back, left and right.",
                );
                spool::drain(&mut part).await?;
            }
        }
        Ok(())
    }
}

impl Received {
    fn word(&mut self, name: &str, text: &str) {
        match name {
            "acceptAsIs" => {
                let said = self.wrong.take("/acceptAsIs", text.parse().map_err(|_| "must be true or false"));
                self.accept_as_is = said.unwrap_or_default();
            }
            "odometerCorrection" => {
                let kept = if text.contains('\0') { Err(NUL.to_owned()) } else { written(text, &EXCUSE) };
                self.odometer_correction = self.wrong.take("/odometerCorrection", kept);
            }
            "odometer" => self.odometer = self.wrong.take("/odometer", odometer(text.parse().ok())),
            _ => self.fuel = self.wrong.take("/fuel", fuel(text.parse().ok())),
        }
    }

    fn finish(mut self) -> Result<Handover, ApiError> {
        for name in ["odometer", "fuel"] {
            if !self.seen.iter().any(|seen| seen == name) {
                self.wrong.add(&format!("/{name}"), "This part is missing.");
            }
        }
        let only_photos = self.wrong.is_empty();
        for (slot, refused) in &self.refused {
            metrics::counter!("upload_rejected_total", "reason" => refused.as_str()).increment(1);
            self.wrong.add(&format!("/{slot}"), refused.sentence());
        }
        match (self.odometer, self.fuel) {
            (Some(odometer), Some(fuel)) if self.wrong.is_empty() => {
                let Self { accept_as_is, odometer_correction, photos, .. } = self;
                Ok(Handover { odometer, fuel, accept_as_is, odometer_correction, photos })
            }
            _ if only_photos => Err(ApiError { problem: problem::PHOTOS_REFUSED, ..self.wrong.into_error() }),
            _ => Err(self.wrong.into_error()),
        }
    }
}

/// Kilometres on the clock.
pub(crate) fn odometer(km: Option<i32>) -> Result<i32, &'static str> {
    km.filter(|km| *km >= 0).ok_or("must be whole kilometres, 0 or more")
}

/// How full the tank or the battery is.
pub(crate) fn fuel(level: Option<f64>) -> Result<f64, rules::rental::FuelRefused> {
    rules::rental::Fuel::new(level.unwrap_or(f64::NAN)).map(rules::rental::Fuel::level)
}

impl Handover {
    /// What makes two of them the same under one idempotency key.
    pub(crate) fn fingerprint(&self) -> Value {
        let mut photos: Vec<_> =
            self.photos.iter().map(|(slot, photo)| (slot.as_str(), photo.sha256.as_str())).collect();
        photos.sort_unstable();
        json!({
            "odometer": self.odometer, "fuel": self.fuel, "acceptAsIs": self.accept_as_is,
            "odometerCorrection": self.odometer_correction, "photos": photos,
        })
    }

    /// Puts the photos into the bucket.
    ///
    /// `key` is the client's name for the request: a repeat then writes the same objects again
    /// instead of leaving others behind.
    ///
    /// # Errors
    /// When the bucket does not take them.
    pub(crate) async fn store(
        &self,
        bucket: &Bucket,
        booking: Uuid,
        key: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Vec<UploadedPhoto>, ApiError> {
        let stored = self.photos.iter().map(async |(slot, photo)| {
            let photo_id = photo_id(booking, key, *slot, &photo.sha256);
            let object_key = upload::incoming(&photo::key(booking, photo_id, now));
            let content_type = photo.format.as_str();
            bucket.put_file(&object_key, content_type, photo.path()).await?;
            anyhow::Ok(UploadedPhoto {
                photo_id,
                slot: *slot,
                object_key,
                content_type: content_type.to_owned(),
                size: photo.size,
                sha256: photo.sha256.clone(),
            })
        });
        let stored = futures::future::try_join_all(stored).await?;
        fault::crash_point("after_upload_before_accept");
        Ok(stored)
    }
}

fn photo_id(booking: Uuid, key: Option<&str>, slot: Slot, sha256: &str) -> Uuid {
    match key {
        Some(key) => Uuid::new_v5(&booking, format!("{slot} {sha256} {key}").as_bytes()),
        None => Uuid::now_v7(),
    }
}

/// The reasons of a JSON body, in the words of the form.
///
/// # Errors
/// `validation_failed` with all of them.
pub(crate) fn check_readings(km: i32, level: f64) -> Result<(), ApiError> {
    let mut wrong = Reasons::default();
    wrong.take("/odometer", odometer(Some(km)));
    wrong.take("/fuel", fuel(Some(level)));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.into_error()) }
}

#[cfg(test)]
mod tests;
