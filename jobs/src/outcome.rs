//! What became of a job, as the asker is told; and the channel that tells it.

mod channel;

pub use channel::{Publisher, Waiters};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The end of a finished job. A business "no" is an end like any other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Outcome {
    /// It happened; `document` is what the asker is shown.
    Done { document: Value },
    /// It was decided against.
    Refused(Refusal),
}

impl Outcome {
    pub fn done(document: impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self::Done { document: serde_json::to_value(document)? })
    }
}

/// A decision against what was asked: a code of [`rules::problem`], words fit for
/// a customer, and every reason at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    pub code: String,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Reason>,
    /// Further members of the problem document, such as `alternatives`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// One reason of a refusal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// JSON Pointer into the request body.
    pub pointer: String,
    pub message: String,
}

impl Refusal {
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        Self { code: code.to_owned(), detail: detail.into(), errors: Vec::new(), extra: Map::new() }
    }

    #[must_use]
    pub fn because(mut self, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        self.errors.push(Reason { pointer: pointer.into(), message: message.into() });
        self
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }
}
