//! The OpenAPI document: what poem-openapi derives, completed with what it cannot express.

mod example;

use std::{collections::BTreeSet, sync::OnceLock};

use serde_json::{Map, Value, json};

use crate::address::{self, Address};

/// What a front keeps of the document. The whole of it as a tree of values would be a tenth of an idle front.
pub(crate) struct Served {
    pub(crate) text: String,
    pub(crate) addresses: Vec<Address>,
    /// The schemas that requests are made of, by their names.
    pub(crate) asked: Map<String, Value>,
}

static SERVED: OnceLock<Served> = OnceLock::new();

pub(crate) fn served() -> &'static Served {
    SERVED.get_or_init(|| Served::new(&crate::openapi()))
}

/// The same, from what poem-openapi has derived already: a front shall not derive it twice.
pub(crate) fn serve(derived: &str) -> &'static Served {
    SERVED.get_or_init(|| Served::new(&complete(derived)))
}

impl Served {
    fn new(document: &Value) -> Self {
        let schema = |name: String| Some((name.clone(), document["components"]["schemas"].get(name)?.clone()));
        Self {
            text: document.to_string(),
            addresses: address::listed(document),
            asked: of_requests(document).into_iter().filter_map(schema).collect(),
        }
    }
}

/// The headers that every write understands are added here once instead of at
/// every operation.
pub(crate) fn complete(derived: &str) -> Value {
    let mut document: Value = serde_json::from_str(derived).expect("poem-openapi writes JSON");
    document["servers"] = json!([{ "url": "/", "description": "This front." }]);
    document["info"]["license"] = json!({ "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" });
    close(&mut document);
    admit_null(&mut document);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        example::add(schemas);
    }
    let Some(paths) = document["paths"].as_object_mut() else { return document };
    for operations in paths.values_mut().filter_map(Value::as_object_mut) {
        for (method, operation) in operations {
            // Said, not left out: this one is open on purpose.
            if operation.get("security").is_none() {
                operation["security"] = json!([]);
            }
            if matches!(method.as_str(), "post" | "put" | "patch" | "delete")
                && operation["responses"].get("202").is_some()
            {
                add_write_headers(operation);
            }
        }
    }
    document
}

/// Says of everything that a body is made of that it has no other members: they are refused.
fn close(document: &mut Value) {
    let names = of_requests(document);
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    for (_, schema) in schemas.iter_mut().filter(|(name, schema)| names.contains(*name) && schema["type"] == "object") {
        schema["additionalProperties"] = json!(false);
    }
}

/// The names of all schemas that bodies and parameters of requests are made of.
fn of_requests(document: &Value) -> BTreeSet<String> {
    let operations = document["paths"].as_object().into_iter().flat_map(|paths| paths.values());
    let operations = operations.filter_map(Value::as_object).flat_map(|operations| operations.values());
    let parts = operations.flat_map(|operation| [&operation["requestBody"], &operation["parameters"]]);
    let mut found: Vec<String> = parts.flat_map(named_in).collect();
    let mut names = BTreeSet::new();
    while let Some(name) = found.pop() {
        let parts = named_in(&document["components"]["schemas"][&name]);
        if names.insert(name) {
            found.extend(parts);
        }
    }
    names
}

/// Says of every member that may be left out that it may also be `null`, as answers have it: poem-openapi says so of none.
fn admit_null(document: &mut Value) {
    let schemas =
        document["components"]["schemas"].as_object_mut().into_iter().flat_map(|schemas| schemas.values_mut());
    for schema in schemas {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let members = schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
        for (_, member) in
            members.filter(|(name, member)| !required.contains(&json!(name)) && member.get("default").is_none())
        {
            if let Some(name) = member.as_object_mut().and_then(|member| member.remove("$ref")) {
                member["allOf"] = json!([{ "$ref": name }]);
            }
            member["nullable"] = json!(true);
        }
    }
}

/// The schemas that are referred to anywhere in this part of the document.
fn named_in(part: &Value) -> Vec<String> {
    match part {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
            own.map(str::to_owned).into_iter().chain(members.values().flat_map(named_in)).collect()
        }
        Value::Array(items) => items.iter().flat_map(named_in).collect(),
        _ => Vec::new(),
    }
}

fn add_write_headers(operation: &mut Value) {
    let required = matches!(
        operation["operationId"].as_str(),
        Some("requestBooking" | "returnCar" | "completeReturn" | "acceptOffer")
    );
    let headers = [
        json!({
            "name": "Idempotency-Key", "in": "header", "required": required,
            "description": "Your own name for this request; repeat it when you repeat the request.",
            "schema": { "type": "string", "pattern": "^[!-~]{1,255}$" }, "example": "3f0c2a9e-book-1"
        }),
        json!({
            "name": "Prefer", "in": "header", "required": false,
            "description": "RFC 7240: `wait=N` waits up to N seconds for the outcome, `respond-async` does not wait.",
            "schema": { "type": "string" }, "example": "wait=5"
        }),
    ];
    match operation["parameters"].as_array_mut() {
        Some(parameters) => parameters.extend(headers),
        None => operation["parameters"] = json!(headers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_left_out_may_be_null_and_bodies_have_no_other_members() {
        let document = crate::openapi();
        let schema = |name: &str| &document["components"]["schemas"][name];
        assert_eq!(schema("Category").get("properties"), None);
        assert_eq!(schema("Page_Booking")["properties"]["nextCursor"]["nullable"], true);
        assert_eq!(schema("Page_Booking")["properties"]["items"]["nullable"], Value::Null);
        let class = json!({ "allOf": [{ "$ref": "#/components/schemas/Category" }], "nullable": true });
        assert_eq!(schema("CarChange")["properties"]["category"], class);
        assert_eq!(
            ["NewCar", "Money", "Booking"].map(|name| schema(name)["additionalProperties"] == false),
            [true, true, false]
        );
    }
}
