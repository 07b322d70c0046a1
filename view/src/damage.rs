//! The price list of damage as it is shown.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rules::damage::{Class, MatrixLine, Panel, Severity};
use serde::{Deserialize, Serialize};

use crate::Word;

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
    /// Minor units of the matrix's currency.
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

impl From<entity::damage_matrix::Model> for DamageMatrix {
    fn from(matrix: entity::damage_matrix::Model) -> Self {
        Self {
            version: matrix.version,
            currency: matrix.currency,
            lines: serde_json::from_value(matrix.lines).unwrap_or_default(),
            created_at: matrix.created_at,
        }
    }
}
