//! Photos that come with a request: streamed past memory to a file that vanishes
//! with the request, looked at, and put into the bucket.
//!
//! They wait there until their job has judged them (`entity::upload`). A client that
//! goes away in the middle leaves no file and no row; what no job ever took, because the
//! request was refused or the front died, `ForgetUploads` removes two days later.

mod paced;
mod spool;
mod statement;

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::{photo, upload};
use jobs::{fault, rental::UploadedPhoto};
use platform::Bucket;
use poem::{Body, FromRequest, Request, RequestBody, web::Multipart};
use rules::{
    photo::{Limits, PhotoRefused},
    problem,
    rental::Slot,
};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use uuid::Uuid;

use crate::{
    account::Reasons,
    error::ApiError,
    shape::NUL,
    words::{EXCUSE, written},
};
use paced::Paced;
use spool::Spooled;
pub(crate) use statement::Statement;

/// Room for the other parts than photos, and what stands between them.
const PARTS_LIMIT: u64 = 64 * 1024;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(300);
/// A form has at most eight parts; some more may be wrong and told so, but not any number of them.
const MOST_PARTS: usize = 16;
/// Bytes of a part that holds a number or a word.
const LONGEST_NUMBER: u64 = 32;
/// Bytes of one that holds a reason of 500 letters.
const LONGEST_REASON: u64 = 2_048;

/// A form whose body has not been read yet, so that who asks can be checked first.
pub(crate) struct Incoming {
    parts: Multipart,
    most_photos: u64,
    overflow: paced::Overflow,
}

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

impl Incoming {
    /// # Errors
    /// When the length says already that it is too large for so many photos, or the form has no boundary.
    pub(crate) async fn open(request: &Request, body: &mut RequestBody, most_photos: u64) -> poem::Result<Self> {
        let limit = most_photos * Limits::default().max_bytes + PARTS_LIMIT;
        let length =
            request.headers().get("content-length").and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > limit) {
            return Err(too_large(most_photos).into());
        }
        Self::begin(request, body, most_photos).await
    }

    /// The same however long it says to be: what stands before too much can be read all the same.
    ///
    /// # Errors
    /// When the form has no boundary.
    pub(crate) async fn begin(request: &Request, body: &mut RequestBody, most_photos: u64) -> poem::Result<Self> {
        let limit = most_photos * Limits::default().max_bytes + PARTS_LIMIT;
        let (paced, overflow) = Paced::new(body.take()?.into_bytes_stream(), limit);
        let mut body = RequestBody::new(Body::from_bytes_stream(paced));
        Ok(Self { parts: Multipart::from_request(request, &mut body).await?, most_photos, overflow })
    }

    /// Reads what the instruments show and the photos of the sides.
    ///
    /// # Errors
    /// Everything that is wrong with the parts, at once; or that the body is too large, too slow or broken off.
    pub(crate) async fn receive(self) -> Result<Handover, ApiError> {
        let mut received = Received::default();
        self.read(&mut received).await?;
        received.finish()
    }

    /// Reads what somebody says, with the photos that belong to it.
    ///
    /// # Errors
    /// When the body is too large, too slow or broken off; [`Statement::check`] tells what is wrong with its parts.
    pub(crate) async fn receive_statement(self) -> Result<Statement, ApiError> {
        let (statement, read) = self.receive_so_far().await;
        read.map(|()| statement)
    }

    /// The same as far as it can be read, with why not to its end.
    pub(crate) async fn receive_so_far(self) -> (Statement, Result<(), ApiError>) {
        let mut statement = Statement::default();
        let read = self.read(&mut statement).await;
        (statement, read)
    }

    async fn read(self, received: &mut impl Parts) -> Result<(), ApiError> {
        let late = |_| ApiError::new(problem::REQUEST_TIMEOUT, "Please try again, or send smaller photos.");
        tokio::time::timeout(PATIENCE, self.read_parts(received)).await.map_err(late)?
    }

    async fn read_parts<P: Parts>(mut self, received: &mut P) -> Result<(), ApiError> {
        let mut count = 0;
        loop {
            match self.parts.next_field().await {
                Ok(Some(_)) if count == P::MOST => {
                    return Err(ApiError::new(problem::BAD_REQUEST, "The form has too many parts."));
                }
                Ok(Some(part)) => {
                    count += 1;
                    let name = part.name().unwrap_or_default().to_owned();
                    let taken = received.take(&name, Box::pin(part.into_async_read())).await;
                    taken.map_err(|error| self.broken_off(&error))?;
                }
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.broken_off(&error)),
            }
        }
    }

    fn broken_off(&self, error: &dyn std::fmt::Display) -> ApiError {
        if self.overflow.happened() {
            return too_large(self.most_photos);
        }
        ApiError::new(problem::BAD_REQUEST, format!("The form could not be read to its end: {error}"))
    }
}

fn too_large(most_photos: u64) -> ApiError {
    ApiError::new(problem::BODY_TOO_LARGE, format!("Send at most {most_photos} photos of 15 MB each."))
}

/// What the parts of a form come to.
trait Parts: Default + Send {
    /// How many may come.
    const MOST: usize = MOST_PARTS;

    /// Reads one part to its end, also when it is of no use: the client shall hear of all that is wrong.
    fn take(
        &mut self,
        name: &str,
        part: impl AsyncRead + Send + Unpin,
    ) -> impl Future<Output = std::io::Result<()>> + Send;
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
