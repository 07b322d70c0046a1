//! A JSON body that has the shape which the OpenAPI document gives it.
//!
//! poem-openapi alone refuses a body with the first thing that it noticed, mostly without the member's name, and takes a number
//! for a text. Whoever writes a client wants all of it at once, so a body is held against its schema before it is read. A
//! library that validates schemas would bring a dozen crates for that.

use chrono::{DateTime, Utc};
use jobs::outcome::Reason;
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    error::ContentTypeError,
    payload::{Json, Payload},
    registry::{MetaMediaType, MetaRequest, Registry},
    types::ParseFromJSON,
};
use rules::problem;
use serde_json::Value;
use uuid::Uuid;

use crate::{document::served, error::ApiError};

/// A JSON body, for an operation to take as an argument.
pub(crate) struct Shaped<T>(pub(crate) T);

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for Shaped<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest { description: None, content: vec![content::<T>()], required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let Some(content_type) = request.content_type() else {
            return Err(ContentTypeError::ExpectContentType.into());
        };
        if !is_json(content_type) {
            return Err(ContentTypeError::NotSupported { content_type: content_type.to_owned() }.into());
        }
        Ok(Self(read(request, body).await?))
    }
}

/// How the document describes such a body.
pub(crate) fn content<T: ParseFromJSON>() -> MetaMediaType {
    MetaMediaType { content_type: Json::<T>::CONTENT_TYPE, schema: T::schema_ref() }
}

pub(crate) fn is_json(content_type: &str) -> bool {
    Json::<Value>::check_content_type(content_type)
}

pub(crate) fn is_multipart(content_type: &str) -> bool {
    content_type.split('/').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("multipart"))
}

/// # Errors
/// `bad_request` when it is no JSON, else `validation_failed` with everything that is against it.
pub(crate) async fn read<T: ParseFromJSON>(request: &Request, body: &mut RequestBody) -> poem::Result<T> {
    let body = <Vec<u8> as FromRequest>::from_request(request, body).await?;
    let unreadable = |error| ApiError::new(problem::BAD_REQUEST, format!("The body could not be read: {error}"));
    let body: Value = serde_json::from_slice(&body).map_err(unreadable)?;
    let reasons = reasons(&T::name(), &body);
    if !reasons.is_empty() {
        return Err(ApiError::invalid(reasons).into());
    }
    T::parse_from_json(Some(body)).map_err(|error| unexplained(&error.into_message()).into())
}

/// What only poem-openapi knows to refuse; it names the member where a validator of its own did.
fn unexplained(words: &str) -> ApiError {
    let member = words.split("field `").nth(1).and_then(|rest| rest.split('`').next());
    let pointer = member.map(|name| format!("/{name}")).unwrap_or_default();
    ApiError::invalid(vec![Reason { pointer, message: words.to_owned() }])
}

fn named(name: &str) -> Option<&'static Value> {
    served().asked.get(name)
}

/// Nobody mends more at once, and an answer shall not be larger than what was asked.
const MOST: usize = 50;

/// Everything against a body that is to be of the schema with this name.
fn reasons(name: &str, body: &Value) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(schema) = named(name) {
        hold(schema, body, String::new(), &mut reasons);
    }
    reasons.truncate(MOST);
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
            let limit = |name: &str| schema[name].as_f64().map(|limit| limit as i128);
            let (least, most) = (limit("minimum").unwrap_or(least), limit("maximum").unwrap_or(most));
            let fits = value.as_i64().is_some_and(|number| (least..=most).contains(&number.into()));
            let fits = fits || value.as_u64().is_some_and(|number| (least..=most).contains(&number.into()));
            (fits, format!("a whole number from {least} to {most}"))
        }
        ("number", _) => return number(schema, value),
        ("boolean", _) => (value.is_boolean(), "true or false".to_owned()),
        ("array", _) => (value.is_array(), "a list".to_owned()),
        ("object", _) => (value.is_object(), "an object".to_owned()),
        _ => return None,
    };
    (!right).then(|| format!("must be {wanted}"))
}

/// What is wrong with a parameter of the query string, by its schema.
pub(crate) fn wrong_parameter(schema: &Value, text: &str) -> Option<String> {
    let schema = resolved(schema);
    let read = match schema["type"].as_str() {
        Some("integer" | "number" | "boolean") => text.parse().ok(),
        _ => None,
    };
    wrong(schema, &read.unwrap_or_else(|| Value::from(text)))
}

fn number(schema: &Value, value: &Value) -> Option<String> {
    let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
    let given = value.as_f64();
    let fits = |given: f64| least.is_none_or(|least| given >= least) && most.is_none_or(|most| given <= most);
    if given.is_some_and(fits) {
        return None;
    }
    Some(match (least, most) {
        (Some(least), Some(most)) => format!("must be a number from {least} to {most}"),
        (Some(least), None) => format!("must be a number, at least {least}"),
        _ => "must be a number".to_owned(),
    })
}

/// PostgreSQL keeps none in a text; it would refuse everybody whose requests are written together with this one.
pub(crate) const NUL: &str = "holds the character U+0000";

fn length(schema: &Value, text: Option<&str>) -> Option<String> {
    let Some(text) = text else { return Some("must be a text".to_owned()) };
    if text.contains('\0') {
        return Some(NUL.to_owned());
    }
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
        reasons(schema, body).into_iter().map(|reason| (reason.pointer, reason.message)).collect()
    }

    #[test]
    fn all_that_is_missing_or_wrong_is_named() {
        let body = json!({ "make": "", "model": 7, "year": 99_999, "category": "huge", "seats": 2.5, "fuelType": null,
                           "branchId": "x", "pricePerDay": { "amount": "1", "vat": 1 }, "features": ["a", 1, "\0"], "a/b": 1 });
        let mut told = told("NewCar", &body);
        told.sort();
        let wanted = [
            ("/a~1b", "is not known here"),
            ("/branchId", "must be a UUID"),
            ("/category", "must be one of: economy, compact, midsize, fullsize, suv, van, luxury, electric"),
            ("/features/1", "must be a text"),
            ("/features/2", "holds the character U+0000"),
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
        assert!(served().asked.len() > 30);
        for (name, schema) in &served().asked {
            if let Some(example) = schema.get("example") {
                assert_eq!(told(name, example), [], "{name}");
            }
        }
        assert_eq!(told("Money", &json!([])), [(String::new(), "must be an object".to_owned())]);
        assert_eq!(told("NewCar", &json!({ "features": vec![0; 1000] })).len(), MOST);
        let unknown: serde_json::Map<_, _> = (0..1000).map(|number| (number.to_string(), json!(0))).collect();
        assert_eq!(told("NewCar", &json!(unknown)).len(), MOST);
    }
}
