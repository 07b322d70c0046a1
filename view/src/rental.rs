//! The return of a car as it is shown: photos, what the model saw, the decision.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::{photo, rental_return, stored};
use poem_openapi::Object;
use rules::{
    damage::Panel,
    rental::{Occasion, ReturnState, Slot, Verdict},
};
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{Word, damage::DamageCaseItem};

/// The return of a car.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Return {
    pub id: Uuid,
    pub booking_id: Uuid,
    pub car_id: Uuid,
    pub state: Word<ReturnState>,
    /// The server's time of completion.
    pub returned_at: Option<DateTime<Utc>>,
    /// Kilometres.
    pub odometer: Option<i32>,
    /// 0.0 empty to 1.0 full.
    pub fuel: Option<f64>,
    /// Minutes after the end of the booking, beyond the grace; 0 when in time.
    pub late_minutes: Option<i32>,
    /// Why staff completed it without all of its photos, if they did.
    pub without_photos_reason: Option<String>,
    /// The photos that count (the last accepted version per slot) and the pick-up photos they are compared with.
    pub photos: Vec<Photo>,
    pub inspection: Inspection,
    pub findings: Vec<Finding>,
    /// `null` until a person has decided.
    pub decision: Option<Decision>,
    pub created_at: DateTime<Utc>,
}

/// One photo of a car.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Photo {
    pub id: Uuid,
    pub occasion: Word<Occasion>,
    pub slot: Word<Slot>,
    pub version: i32,
    /// `awaiting`, `received`, `accepted` or `refused`.
    pub state: String,
    /// Why it was refused, in words.
    pub refusal: Option<String>,
    pub warnings: Vec<String>,
    pub width: Option<i32>,
    pub height: Option<i32>,
    /// SHA-256 of the original, hexadecimal.
    pub sha256: Option<String>,
    /// Addresses of the derivatives by size (`160`, `640`, `1600`); empty until they are made.
    pub thumbnails: BTreeMap<String, String>,
    /// Address of the original, for staff and the owner.
    pub original: String,
}

/// The outcome of opening a return: where the photos are to be put. The front
/// adds an address to each, because an address ends before the document does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedReturn {
    pub return_id: Uuid,
    pub uploads: Vec<Upload>,
}

/// One slot of an opened return.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    pub slot: Slot,
    pub photo_id: Uuid,
    /// Where in the bucket the upload goes; what is accepted is kept elsewhere.
    pub object_key: String,
}

/// How far the inspection of the photos is.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// `pending`, `analysed` or `not_analysed`.
    pub state: String,
    /// Why it was not analysed, in words.
    pub reason: Option<String>,
    /// What changes trust in the photos or the analysis.
    pub warnings: Vec<String>,
    /// How each photo lies over the pick-up photo of its side; sides without one are left out.
    pub comparisons: Vec<Comparison>,
}

/// A place in an upright photo, each number relative to its width or height (0 to 1).
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(deny_unknown_fields)]
pub struct Region {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// Something that looks like damage. The model suggests; a person decides.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Counted from 1 within one return; the box on the photo carries it.
    pub number: i32,
    pub photo_id: Uuid,
    pub side: Word<Slot>,
    pub class: String,
    /// 0 to 1.
    pub score: f64,
    pub region: Region,
    /// `new`, `known` or `uncertain`, compared with the pick-up photos and the car's register.
    pub novelty: String,
    /// Why it counts as that.
    pub reason: String,
    /// What that stands on: `overlay` (the photo was laid over the pick-up photo), `position` (it could not be, so
    /// the place in the one photo was taken for the place in the other) or `nothing` (no pick-up photo).
    #[serde(default)]
    pub basis: String,
    /// Where it would be on the pick-up photo of the side, if the photos could be laid over each other.
    #[serde(default)]
    pub pickup_region: Option<Region>,
    /// Where the class tells it, such as the lamp of `lamp_broken`; a person names every other.
    #[serde(default)]
    pub suggested_panel: Option<Word<Panel>>,
    /// `null` when the model is not sure: the mark is for manual review, and no number is proposed.
    pub suggested_severity: Option<String>,
    /// What the damage matrix says for that severity; a person confirms or changes it.
    #[serde(default)]
    pub suggested_estimate: Option<crate::Money>,
}

/// How the photo of a side lies over the one that was taken at the pick-up.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    pub side: Word<Slot>,
    pub pickup_photo_id: Uuid,
    /// From the photo of the return to that of the pick-up, both in shares of width and height: a projective matrix,
    /// row by row, of the surface that most points prove. `null` when the photos could not be laid over each other.
    pub transform: Option<Vec<f64>>,
    /// Points that prove it, over all surfaces.
    pub inliers: i32,
    /// How many surfaces move on their own: the car, what stands behind it.
    pub surfaces: i32,
    /// Why the photos could not be laid over each other, in words.
    pub reason: Option<String>,
}

/// What a person decided.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    pub verdict: Word<Verdict>,
    /// What was confirmed.
    pub findings: Vec<DamageCaseItem>,
    pub note: Option<String>,
    pub decided_by: Uuid,
    pub decided_at: DateTime<Utc>,
    /// The version of the damage matrix whose estimates were suggested.
    #[serde(default)]
    pub matrix_version: Option<i32>,
}

/// The assembled report of a return, as it is stored with it and mailed to the admins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub findings: Vec<Finding>,
    /// What changes trust: blurred photos, no pick-up photos, a claimed time that differs.
    pub warnings: Vec<String>,
    #[serde(default)]
    pub comparisons: Vec<Comparison>,
    /// Why the photos were not analysed, in words; `None` when they were.
    pub not_analysed: Option<String>,
    /// Name, file hash and thresholds of the model that looked.
    pub model: Option<Value>,
    /// The version of the damage matrix that the estimates are from.
    #[serde(default)]
    pub matrix_version: Option<i32>,
}

impl Decision {
    /// What is stored of a return; `None` until a person has decided.
    ///
    /// # Errors
    /// When the row holds what is none.
    pub fn of(rental_return: &rental_return::Model) -> Result<Option<Self>, DbErr> {
        let read = |decision| stored(format_args!("the decision of return {}", rental_return.id), decision);
        rental_return.decision.as_ref().map(read).transpose()
    }
}

impl Report {
    /// What is stored of a return; `None` until it is there.
    ///
    /// # Errors
    /// When the row holds what is none.
    pub fn of(rental_return: &rental_return::Model) -> Result<Option<Self>, DbErr> {
        let read = |report| stored(format_args!("the report of return {}", rental_return.id), report);
        rental_return.report.as_ref().map(read).transpose()
    }
}

impl Photo {
    /// The address under which a variant of a photo is fetched.
    pub fn address(photo: Uuid, variant: &str) -> String {
        format!("/api/v1/media/{photo}/{variant}")
    }
}

impl From<photo::Model> for Photo {
    fn from(photo: photo::Model) -> Self {
        let sizes: &[&str] = if photo.derived_at.is_some() { &["160", "640", "1600"] } else { &[] };
        Self {
            thumbnails: sizes.iter().map(|size| ((*size).to_owned(), Self::address(photo.id, size))).collect(),
            original: Self::address(photo.id, "original"),
            id: photo.id,
            occasion: photo.occasion.into(),
            slot: photo.slot.into(),
            version: photo.version,
            state: photo.state,
            refusal: photo.refusal_detail,
            warnings: photo.warnings,
            width: photo.width,
            height: photo.height,
            sha256: photo.sha256.map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect()),
        }
    }
}

impl Return {
    /// The document of a return with the photos that belong to it.
    ///
    /// # Errors
    /// When the row holds a report or a decision that is none.
    pub fn new(rental_return: rental_return::Model, photos: Vec<photo::Model>) -> Result<Self, DbErr> {
        let (report, decision) = (Report::of(&rental_return)?, Decision::of(&rental_return)?);
        let inspection = Inspection {
            state: match &report {
                None => "pending",
                Some(report) if report.not_analysed.is_some() => "not_analysed",
                Some(_) => "analysed",
            }
            .to_owned(),
            reason: report.as_ref().and_then(|report| report.not_analysed.clone()),
            warnings: report.as_ref().map(|report| report.warnings.clone()).unwrap_or_default(),
            comparisons: report.as_ref().map(|report| report.comparisons.clone()).unwrap_or_default(),
        };
        Ok(Self {
            id: rental_return.id,
            booking_id: rental_return.booking_id,
            car_id: rental_return.car_id,
            state: rental_return.state.into(),
            returned_at: rental_return.returned_at,
            odometer: rental_return.odometer_km,
            fuel: rental_return.fuel,
            late_minutes: rental_return.late_minutes,
            without_photos_reason: rental_return.without_photos_reason,
            photos: photos.into_iter().map(Photo::from).collect(),
            inspection,
            findings: report.map(|report| report.findings).unwrap_or_default(),
            decision,
            created_at: rental_return.created_at,
        })
    }
}
