//! What is wrong with the shape of a JSON body, member by member.
//!
//! poem-openapi refuses such a body with the first thing that it noticed, mostly without the member's name. Whoever writes
//! a client wants all of it at once, so a body that was refused is held against its schema in the OpenAPI document. What
//! is refused stays poem-openapi's decision: a library that validates schemas would bring a dozen crates for the names.

use chrono::{DateTime, Utc};
use jobs::outcome::Reason;
use poem_openapi::error::ParseRequestPayloadError;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    document::DOCUMENT,
    error::{self, ApiError},
};

fn named(name: &str) -> Option<&'static Value> {
    DOCUMENT["components"]["schemas"].get(name)
}

/// Nobody mends more at once, and an answer shall not be larger than what was asked.
const MOST: usize = 50;

/// The refusal of a body with everything that is against it.
pub(crate) fn explained(refusal: poem::Error, body: &[u8]) -> poem::Error {
    let Some(refused) = refusal.downcast_ref::<ParseRequestPayloadError>() else { return refusal };
    let mut all = reasons(&refused.reason, body);
    let first = error::payload(&refused.reason).errors.into_iter().find(|reason| !reason.pointer.is_empty());
    all.extend(first.filter(|first| !all.iter().any(|reason| reason.pointer.ends_with(&first.pointer))));
    if all.is_empty() { refusal } else { ApiError::invalid(all).into() }
}

/// Everything against a body that poem-openapi `refused` with these words: the last schema that they quote is that of the
/// whole body.
fn reasons(refused: &str, body: &[u8]) -> Vec<Reason> {
    let schema = refused.rsplit('"').find_map(named);
    let mut reasons = Vec::new();
    if let (Some(schema), Ok(body)) = (schema, serde_json::from_slice(body)) {
        hold(schema, &body, String::new(), &mut reasons);
    }
    reasons
}

fn hold(schema: &Value, value: &Value, pointer: String, reasons: &mut Vec<Reason>) {
    if reasons.len() >= MOST {
        return;
    }
    let schema = resolved(schema);
    if let Some(message) = wrong(schema, value) {
        reasons.push(Reason { pointer, message });
        return;
    }
    let given = |name: &str| value.get(name).filter(|value| !value.is_null());
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| given(name).is_none()) {
        reasons.push(Reason { pointer: format!("{pointer}/{name}"), message: "is missing".to_owned() });
    }
    let properties = schema["properties"].as_object();
    if schema["additionalProperties"] == false {
        let known = |name: &str| properties.is_some_and(|known| known.contains_key(name));
        let unknown = value.as_object().into_iter().flat_map(|members| members.keys()).filter(|name| !known(name));
        reasons.extend(unknown.take(MOST).map(|name| unknown_member(&pointer, name)));
    }
    for (name, schema) in properties.into_iter().flatten() {
        if let Some(value) = given(name) {
            hold(schema, value, format!("{pointer}/{name}"), reasons);
        }
    }
    for (at, value) in value.as_array().into_iter().flatten().enumerate() {
        hold(&schema["items"], value, format!("{pointer}/{at}"), reasons);
    }
}

/// Whose name the client chose: a slash in it would lead elsewhere (RFC 6901).
fn unknown_member(pointer: &str, name: &str) -> Reason {
    let name: String = name.chars().take(100).collect();
    let name = name.replace('~', "~0").replace('/', "~1");
    Reason { pointer: format!("{pointer}/{name}"), message: "is not known here".to_owned() }
}

fn resolved(schema: &Value) -> &Value {
    let schema = schema["allOf"].get(0).unwrap_or(schema);
    match schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        Some(name) => named(name).unwrap_or(schema),
        None => schema,
    }
}

fn wrong(schema: &Value, value: &Value) -> Option<String> {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
        let known = value.as_str().is_some_and(|word| words.contains(&word));
        return (!known).then(|| format!("must be one of: {}", words.join(", ")));
    }
    let text = value.as_str();
    let (right, wanted) = match (schema["type"].as_str()?, schema["format"].as_str().unwrap_or_default()) {
        ("string", "uuid") => (text.is_some_and(|text| Uuid::parse_str(text).is_ok()), "a UUID".to_owned()),
        ("string", "date-time") => {
            let time = text.is_some_and(|text| text.parse::<DateTime<Utc>>().is_ok());
            (time, "a time such as 2027-03-01T09:00:00Z".to_owned())
        }
        ("string", _) => return length(schema, text),
        ("integer", format) => {
            let (least, most) = range(format);
            let fits = value.as_i64().is_some_and(|number| (least..=most).contains(&number.into()));
            let fits = fits || value.as_u64().is_some_and(|number| (least..=most).contains(&number.into()));
            (fits, format!("a whole number from {least} to {most}"))
        }
        ("number", _) => (value.is_number(), "a number".to_owned()),
        ("boolean", _) => (value.is_boolean(), "true or false".to_owned()),
        ("array", _) => (value.is_array(), "a list".to_owned()),
        ("object", _) => (value.is_object(), "an object".to_owned()),
        _ => return None,
    };
    (!right).then(|| format!("must be {wanted}"))
}

fn length(schema: &Value, text: Option<&str>) -> Option<String> {
    let Some(text) = text else { return Some("must be a text".to_owned()) };
    let letters = text.chars().count() as u64;
    let (least, most) = (schema["minLength"].as_u64(), schema["maxLength"].as_u64());
    if least.is_some_and(|least| letters < least) || most.is_some_and(|most| letters > most) {
        let most = most.map(|most| format!(" and at most {most}")).unwrap_or_default();
        return Some(format!("must have at least {}{most} letters", least.unwrap_or_default()));
    }
    None
}

fn range(format: &str) -> (i128, i128) {
    match format {
        "int16" => (i16::MIN.into(), i16::MAX.into()),
        "int32" => (i32::MIN.into(), i32::MAX.into()),
        "uint16" => (0, u16::MAX.into()),
        "uint32" => (0, u32::MAX.into()),
        "uint64" => (0, u64::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(schema: &str, body: &Value) -> Vec<(String, String)> {
        let reasons = reasons(&format!("failed to parse \"{schema}\": no"), body.to_string().as_bytes());
        reasons.into_iter().map(|reason| (reason.pointer, reason.message)).collect()
    }

    #[test]
    fn all_that_is_missing_or_wrong_is_named() {
        let body = json!({ "make": "", "model": 7, "year": 99_999, "category": "huge", "seats": 2.5, "fuelType": null,
                           "branchId": "x", "pricePerDay": { "amount": "1", "vat": 1 }, "features": ["a", 1], "a/b": 1 });
        let mut told = told("NewCar", &body);
        told.sort();
        let wanted = [
            ("/a~1b", "is not known here"),
            ("/branchId", "must be a UUID"),
            ("/category", "must be one of: economy, compact, midsize, fullsize, suv, van, luxury, electric"),
            ("/features/1", "must be a text"),
            ("/fuelType", "is missing"),
            ("/make", "must have at least 1 and at most 60 letters"),
            ("/model", "must be a text"),
            ("/plate", "is missing"),
            ("/pricePerDay/amount", "must be a whole number from -9223372036854775808 to 9223372036854775807"),
            ("/pricePerDay/currency", "is missing"),
            ("/pricePerDay/vat", "is not known here"),
            ("/seats", "must be a whole number from -32768 to 32767"),
            ("/year", "must be a whole number from -32768 to 32767"),
        ];
        assert_eq!(told, wanted.map(|(pointer, message)| (pointer.to_owned(), message.to_owned())));
    }

    #[test]
    fn nothing_is_told_of_what_is_right_and_a_list_is_no_object() {
        for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
            if let Some(example) = schema.get("example") {
                assert_eq!(told(name, example), [], "{name}");
            }
        }
        assert_eq!(told("Money", &json!([])), [(String::new(), "must be an object".to_owned())]);
        assert_eq!(told("NewCar", &json!({ "features": vec![0; 1000] })).len(), MOST);
    }
}
