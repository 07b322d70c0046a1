//! Damage as it is shown: the price list, and the cases.

use chrono::{DateTime, Utc};
use entity::{damage_case, damage_matrix, stored};
use poem_openapi::Object;
use rules::damage::{CaseState, Class, MatrixLine, Panel, Severity, Side};
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Money, Word, rental::Region};

/// What damage usually costs, in one version.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct DamageMatrix {
    /// Grows with every replacement; decisions name the version they were made with.
    pub version: i32,
    pub currency: String,
    pub lines: Vec<DamageMatrixLine>,
    pub created_at: DateTime<Utc>,
}

/// What one kind of damage usually costs.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(deny_unknown_fields)]
pub struct DamageMatrixLine {
    /// Without it the line stands for every panel that has none of its own.
    #[serde(default)]
    pub panel: Option<Word<Panel>>,
    pub class: Word<Class>,
    pub severity: Word<Severity>,
    /// Minor units of the matrix's currency; 0 with `cosmetic`, which is never charged.
    pub amount: i64,
}

impl From<DamageMatrixLine> for MatrixLine {
    fn from(line: DamageMatrixLine) -> Self {
        Self {
            panel: line.panel.map(|panel| panel.0),
            class: line.class.0,
            severity: line.severity.0,
            amount: line.amount,
        }
    }
}

impl TryFrom<damage_matrix::Model> for DamageMatrix {
    type Error = DbErr;

    fn try_from(matrix: damage_matrix::Model) -> Result<Self, DbErr> {
        Ok(Self {
            lines: stored(format_args!("damage matrix {}", matrix.version), &matrix.lines)?,
            version: matrix.version,
            currency: matrix.currency,
            created_at: matrix.created_at,
        })
    }
}

/// The question of the damage of one return. The model only opens it; people decide it.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct DamageCase {
    pub id: Uuid,
    pub return_id: Uuid,
    pub booking_id: Uuid,
    pub car_id: Uuid,
    pub branch_id: Uuid,
    pub state: Word<CaseState>,
    /// What a person confirmed; empty until then.
    pub items: Vec<DamageCaseItem>,
    /// The sum of what was confirmed.
    pub estimate: Money,
    /// What is asked for now; never more than the customer was told.
    pub amount: Money,
    /// What the person wrote who confirmed or dismissed it.
    pub note: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    /// Until when the customer may dispute it, excluded.
    pub respond_by: Option<DateTime<Utc>>,
    /// What the customer says against it.
    pub dispute: Option<String>,
    /// What they sent with it.
    pub dispute_photos: Vec<DisputePhoto>,
    pub disputed_at: Option<DateTime<Utc>>,
    /// Why staff upheld, reduced or waived it.
    pub settlement: Option<String>,
    pub settled_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// A photo that the customer sent with a dispute.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct DisputePhoto {
    pub id: Uuid,
    /// SHA-256 of the original, hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: i64,
    pub width: u32,
    pub height: u32,
    /// What the photo itself says of its time.
    pub taken_at: Option<DateTime<Utc>>,
    pub received_at: DateTime<Utc>,
    /// Address of the copy: upright, without EXIF, the longer side at most 1600 pixels.
    pub copy: String,
    /// Address of the original.
    pub original: String,
}

impl DisputePhoto {
    fn new(case: Uuid, photo: damage_case::DisputePhoto) -> Self {
        let address = |variant: &str| format!("/api/v1/damage-cases/{case}/photos/{}/{variant}", photo.id);
        Self {
            copy: address("1600"),
            original: address("original"),
            id: photo.id,
            sha256: photo.sha256,
            size: photo.size,
            width: photo.width,
            height: photo.height,
            taken_at: photo.taken_at,
            received_at: photo.received_at,
        }
    }
}

/// The evidence of a case at one moment. The same case gives the same bytes.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    pub case_id: Uuid,
    pub json: EvidenceFile,
    pub pdf: EvidenceFile,
}

/// One file of evidence, named by what is in it.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
pub struct EvidenceFile {
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: i64,
    /// Where it is fetched.
    pub address: String,
}

impl EvidenceFile {
    /// Where the file of a case is in the bucket; `format` is `json` or `pdf`.
    pub fn key(case: Uuid, sha256: &str, format: &str) -> String {
        format!("evidence/{case}/{sha256}.{format}")
    }
}

/// One damage that a person confirmed.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct DamageCaseItem {
    /// Of the finding in the report; none when only people saw it.
    #[serde(default)]
    pub number: Option<i32>,
    pub side: Word<Side>,
    #[serde(default)]
    pub panel: Option<Word<Panel>>,
    pub class: Word<Class>,
    pub severity: Word<Severity>,
    #[serde(default)]
    pub note: Option<String>,
    /// Minor units of the case's currency. What has none is not asked for, nor what is on a side of which there is no
    /// photo of the pick-up.
    #[serde(default)]
    pub estimate: Option<i64>,
    #[serde(default)]
    pub region: Option<Region>,
    #[serde(default)]
    pub photo_id: Option<Uuid>,
}

impl DamageCaseItem {
    /// What was confirmed in a case.
    ///
    /// # Errors
    /// When the row holds what is none.
    pub fn of(case: &damage_case::Model) -> Result<Vec<Self>, DbErr> {
        stored(format_args!("the items of damage case {}", case.id), &case.items)
    }

    /// Where on the car: `left`, or `left, door`.
    pub fn place(&self) -> String {
        let side = self.side.0.as_str();
        self.panel.map_or_else(|| side.to_owned(), |panel| format!("{side}, {}", panel.0))
    }
}

impl TryFrom<damage_case::Model> for DamageCase {
    type Error = DbErr;

    fn try_from(case: damage_case::Model) -> Result<Self, DbErr> {
        let photos = case.dispute_photos()?.into_iter();
        Ok(Self {
            dispute_photos: photos.map(|photo| DisputePhoto::new(case.id, photo)).collect(),
            items: DamageCaseItem::of(&case)?,
            id: case.id,
            return_id: case.return_id,
            booking_id: case.booking_id,
            car_id: case.car_id,
            branch_id: case.branch_id,
            state: case.state.into(),
            estimate: Money::new(case.estimate, &case.currency),
            amount: Money::new(case.amount, &case.currency),
            note: case.note,
            decided_at: case.decided_at,
            respond_by: case.respond_by,
            dispute: case.dispute,
            disputed_at: case.disputed_at,
            settlement: case.settlement,
            settled_at: case.settled_at,
            created_at: case.created_at,
        })
    }
}
