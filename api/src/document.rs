//! The OpenAPI document: what poem-openapi derives, completed with what it cannot express.

mod example;

use std::sync::LazyLock;

use serde_json::{Value, json};

/// The document as it is served, for what a refused request is told. Made when one is: an idle front has no use for it.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(crate::openapi);

/// The headers that every write understands are added here once instead of at
/// every operation.
pub(crate) fn complete(derived: &str) -> Value {
    let mut document: Value = serde_json::from_str(derived).expect("poem-openapi writes JSON");
    document["servers"] = json!([{ "url": "/", "description": "This front." }]);
    document["info"]["license"] = json!({ "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" });
    close(&mut document);
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
    let operations = document["paths"].as_object().into_iter().flat_map(|paths| paths.values());
    let operations = operations.filter_map(Value::as_object).flat_map(|operations| operations.values());
    let mut found: Vec<String> = operations.flat_map(|operation| named_in(&operation["requestBody"])).collect();
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    while let Some(name) = found.pop() {
        let Some(schema) = schemas.get_mut(&name) else { continue };
        if schema["type"] == "object" && schema.get("additionalProperties").is_none() {
            schema["additionalProperties"] = json!(false);
            found.extend(named_in(schema));
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
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 }, "example": "3f0c2a9e-book-1"
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
