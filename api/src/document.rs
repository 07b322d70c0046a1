//! The OpenAPI document: what poem-openapi derives, completed with what it cannot express.

mod example;

use std::sync::LazyLock;

use serde_json::{Value, json};

/// The document as it is served, for what a refused request is told. Made when one is: an idle front has no use for it.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(crate::openapi);

/// The methods that an address answers, as `Allow` lists them; `None` for addresses that are not in the document.
pub(crate) fn allowed(path: &str) -> Option<String> {
    let fits = |template: &str| {
        let (known, given) = (template.split('/'), path.split('/'));
        known.clone().count() == given.clone().count()
            && known.zip(given).all(|(known, given)| known.starts_with('{') || known == given)
    };
    let operations = DOCUMENT["paths"].as_object()?.iter().find(|(template, _)| fits(template))?.1;
    Some(operations.as_object()?.keys().map(|method| method.to_uppercase()).collect::<Vec<_>>().join(", "))
}

/// The headers that every write understands are added here once instead of at
/// every operation.
pub(crate) fn complete(derived: &str) -> Value {
    let mut document: Value = serde_json::from_str(derived).expect("poem-openapi writes JSON");
    document["servers"] = json!([{ "url": "/", "description": "This front." }]);
    document["info"]["license"] = json!({ "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_whatever_its_ids_are_and_no_other_is() {
        assert_eq!(allowed("/api/v1/cars/7").as_deref(), Some("DELETE, GET, PATCH"));
        assert_eq!(allowed("/api/v1/bookings/7/cancel").as_deref(), Some("POST"));
        assert_eq!([allowed("/api/v1/bookings/7/cancel/8"), allowed("/ops/login")], [None, None]);
    }
}
