//! What became of a job, as the asker is told; and the channel that tells it.

mod channel;

pub use channel::{Publisher, Waiters};
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::{Map, Value, value::RawValue};

/// The end of a finished job. A business "no" is an end like any other.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result", try_from = "Read")]
pub enum Outcome {
    /// It happened; `document` is what the asker is shown. Text, because it is made once and passed on unread: into the row and
    /// to the front.
    Done { document: Box<RawValue> },
    /// It was decided against.
    Refused(Refusal),
}

/// Every member that an outcome may have. A derived reader would look for the tag first, and make a tree of the document for that.
#[derive(Deserialize)]
struct Read {
    result: String,
    document: Option<Box<RawValue>>,
    code: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<Reason>,
    #[serde(default)]
    extra: Map<String, Value>,
}

impl TryFrom<Read> for Outcome {
    type Error = serde_json::Error;

    fn try_from(read: Read) -> Result<Self, serde_json::Error> {
        let Read { result, document, code, detail, errors, extra } = read;
        match (result.as_str(), document, code, detail) {
            ("done", document, ..) => {
                Ok(Self::Done { document: document.unwrap_or_else(|| RawValue::NULL.to_owned()) })
            }
            ("refused", _, Some(code), Some(detail)) => Ok(Self::Refused(Refusal { code, detail, errors, extra })),
            _ => Err(Self::Error::custom("it is neither done nor refused with code and detail")),
        }
    }
}

impl Outcome {
    /// # Errors
    /// When the document is none that JSON can say.
    pub fn done(document: impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self::Done { document: serde_json::value::to_raw_value(&document)? })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_outcome_is_read_as_it_was_written_from_text_and_from_a_row() -> serde_json::Result<()> {
        let refusal =
            Refusal::new("car_taken", "Somebody has it.").because("/carId", "taken").with("alternatives", json!([]));
        let outcomes = [
            (
                Outcome::done(json!({ "id": 7, "quote": { "total": 4900 } }))?,
                json!({ "result": "done", "document": { "id": 7, "quote": { "total": 4900 } } }),
            ),
            (Outcome::done(())?, json!({ "result": "done", "document": null })),
            (
                Outcome::Refused(refusal),
                json!({ "result": "refused", "code": "car_taken", "detail": "Somebody has it.",
                        "errors": [{ "pointer": "/carId", "message": "taken" }], "extra": { "alternatives": [] } }),
            ),
        ];
        for (outcome, written) in outcomes {
            assert_eq!(serde_json::to_value(&outcome)?, written);
            let from_text: Outcome = serde_json::from_str(&written.to_string())?;
            assert_eq!(serde_json::to_value(from_text)?, written);
            let from_row: Outcome = serde_json::from_value(written.clone())?;
            assert_eq!(serde_json::to_value(from_row)?, written);
        }
        for wrong in [json!({ "result": "refused", "code": "car_taken" }), json!({ "result": "lost" }), json!({})] {
            assert!(serde_json::from_value::<Outcome>(wrong.clone()).is_err(), "{wrong}");
        }
        Ok(())
    }
}
