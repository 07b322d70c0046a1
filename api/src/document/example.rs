//! One example per body and main answer, by the name of its schema: what a reader copies first.
//!
//! They stand together so that they tell one story; a test holds each against its schema.

use serde_json::{Map, Value, json};

const ACCOUNT: &str = "01999c2e-6f10-7a31-9a5e-0f3a1c2b4d5e";
const BRANCH: &str = "00000000-0000-7000-8000-000000000001";
const CAR: &str = "01999c2e-7b20-7c42-8b6f-1a4b2d3c5e6f";
const BOOKING: &str = "01999c2e-8c30-7d53-9c70-2b5c3e4d6f70";
const RETURN: &str = "01999c2e-9d40-7e64-8d81-3c6d4f5e7081";
const PHOTO: &str = "01999c2e-ae50-7f75-9e92-4d7e506f8192";
const CASE: &str = "01999c2e-bf60-7086-9fa3-5e8f61709203";
const AT: &str = "2027-03-01T09:00:00Z";

/// Adds to every schema the example that it lacks.
pub(super) fn add(schemas: &mut Map<String, Value>) {
    for (name, example) in requests().into_iter().chain(answers()) {
        if let Some(Value::Object(schema)) = schemas.get_mut(name) {
            schema.entry("example").or_insert(example);
        }
    }
    schemas.values_mut().filter_map(|schema| schema.get_mut("example")).for_each(leave_out_nulls);
}

/// What is optional is left out: its schema knows no null.
fn leave_out_nulls(example: &mut Value) {
    match example {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(leave_out_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_nulls),
        _ => {}
    }
}

fn requests() -> Vec<(&'static str, Value)> {
    let price = json!({ "amount": 4_900, "currency": "EUR" });
    vec![
        ("Credentials", json!({ "email": "customer@example.com", "password": "a long pass phrase" })),
        ("Refresh", json!({ "refreshToken": "q7m2…" })),
        ("ProfileChange", json!({ "phone": "+4930123456" })),
        (
            "NewStaff",
            json!({ "email": "desk@example.com", "password": "another long pass phrase", "name": "A Manager",
                    "role": "fleet_manager", "branchId": BRANCH }),
        ),
        ("NewBranch", json!({ "name": "Central Station", "timeZone": "Europe/Berlin", "turnaroundMinutes": 60 })),
        (
            "NewCar",
            json!({ "make": "VW", "model": "Golf", "year": 2025, "plate": "B-FC 2027", "category": "compact",
                    "seats": 5, "fuelType": "petrol", "pricePerDay": price, "branchId": BRANCH,
                    "features": ["bluetooth"] }),
        ),
        ("CarChange", json!({ "pricePerDay": price, "status": "workshop" })),
        (
            "BookingRequest",
            json!({ "carId": CAR, "startDate": "2027-03-01T09:00:00Z", "endDate": "2027-03-04T09:00:00Z" }),
        ),
        ("Cancelling", json!({ "reason": "The train was faster." })),
        ("Readings", json!({ "odometer": 41_000, "fuel": 1.0 })),
        ("EmptyObject", json!({})),
        ("ReturnCompletion", json!({ "odometer": 41_650, "fuel": 0.43 })),
        (
            "DecisionRequest",
            json!({ "verdict": "damage", "note": "A scratch on the left rear door; it was not there at pick-up.",
                    "findings": [{ "number": 1, "severity": "minor", "estimate": { "amount": 18_000, "currency": "EUR" } }] }),
        ),
        ("DamageDispute", json!({ "reason": "That scratch was there when I got the car; my own photo shows it." })),
        (
            "DamageSettlement",
            json!({ "verdict": "reduced", "amount": { "amount": 9_000, "currency": "EUR" },
                    "reason": "Half of it was there before, as your photo shows." }),
        ),
        (
            "NewEntry",
            json!({ "category": "compact", "branchId": BRANCH, "from": "2027-03-01T09:00:00Z", "to": "2027-03-04T09:00:00Z" }),
        ),
        ("Reason", json!({ "reason": "The customer asked for it at the desk." })),
        ("Offering", json!({ "carId": CAR, "reason": "The other car broke down." })),
        ("Priority", json!({ "priority": 10, "reason": "Stranded after a breakdown." })),
        ("Pause", json!({ "carId": CAR, "paused": true, "reason": "The car goes to the workshop." })),
    ]
}

fn answers() -> Vec<(&'static str, Value)> {
    let price = json!({ "amount": 4_900, "currency": "EUR" });
    vec![
        (
            "TokenPair",
            json!({ "accessToken": "eyJ…", "refreshToken": "q7m2…", "tokenType": "Bearer", "expiresIn": 600 }),
        ),
        (
            "User",
            json!({ "id": ACCOUNT, "email": "customer@example.com", "name": "A Customer", "phone": "+4930123456",
                    "role": "customer", "createdAt": AT }),
        ),
        (
            "Branch",
            json!({ "id": BRANCH, "name": "Central Station", "timeZone": "Europe/Berlin", "turnaroundMinutes": 60,
                    "autoRelease": false, "createdAt": AT }),
        ),
        (
            "Car",
            json!({ "id": CAR, "make": "VW", "model": "Golf", "year": 2025, "plate": "B-FC-2027", "category": "compact",
                    "seats": 5, "fuelType": "petrol", "pricePerDay": price, "branchId": BRANCH,
                    "features": ["bluetooth"], "status": "in_service", "odometer": 41_000, "createdAt": AT,
                    "updatedAt": AT }),
        ),
        (
            "OpenedReturn",
            json!({ "returnId": RETURN, "uploads": [{ "slot": "front", "method": "PUT", "headers": {},
                    "url": "https://bucket.example.com/incoming/…", "expiresAt": AT }] }),
        ),
        ("Return", returned()),
        ("DamageCase", damage_case()),
        ("Job", json!({ "id": RETURN, "kind": "return_car", "state": "ready", "attempt": 0, "createdAt": AT })),
        (
            "Problem",
            json!({ "type": "/problems#retake_advised", "title": "Some photos could show more", "status": 422,
                    "detail": "You may take these photos again: left.", "instance": "/api/v1/returns/…/complete",
                    "code": "retake_advised", "requestId": "4bf92f35",
                    "errors": [{ "pointer": "/left", "message": "The photo is dark." }] }),
        ),
    ]
}

fn returned() -> Value {
    json!({
        "id": RETURN, "bookingId": BOOKING, "carId": CAR, "state": "reported", "returnedAt": AT, "odometer": 41_650,
        "fuel": 0.43, "lateMinutes": 0, "createdAt": AT,
        "photos": [{ "id": PHOTO, "occasion": "return", "slot": "left", "version": 1, "state": "accepted",
                     "warnings": [], "width": 4_032, "height": 3_024,
                     "thumbnails": { "640": format!("/api/v1/media/{PHOTO}/640") },
                     "original": format!("/api/v1/media/{PHOTO}/original") }],
        "inspection": { "state": "analysed", "warnings": [], "comparisons": [] },
        "findings": [{ "number": 1, "photoId": PHOTO, "side": "left", "class": "scratch", "score": 0.71,
                       "region": { "x": 0.55, "y": 0.5, "width": 0.12, "height": 0.1 }, "novelty": "new",
                       "reason": "neither the pick-up photo nor the register shows it", "basis": "nothing",
                       "suggestedSeverity": "minor",
                       "suggestedEstimate": { "amount": 18_000, "currency": "EUR" } }],
    })
}

fn damage_case() -> Value {
    let money = json!({ "amount": 18_000, "currency": "EUR" });
    json!({
        "id": CASE, "returnId": RETURN, "bookingId": BOOKING, "carId": CAR, "branchId": BRANCH, "state": "notified",
        "items": [{ "number": 1, "side": "left", "panel": "door", "class": "scratch", "severity": "minor", "estimate": 18_000,
                    "region": { "x": 0.55, "y": 0.5, "width": 0.12, "height": 0.1 }, "photoId": PHOTO }],
        "estimate": money, "amount": money, "note": "A scratch on the left rear door; it was not there at pick-up.",
        "disputePhotos": [], "decidedAt": AT, "respondBy": "2027-03-08T09:00:00Z", "createdAt": AT,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(schema: &Value) -> Option<&str> {
        schema["$ref"].as_str()?.rsplit('/').next()
    }

    /// Every schema that a request sends as JSON.
    fn bodies(document: &Value) -> Vec<String> {
        let operations =
            document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
        let schemas = operations.filter_map(|it| it["requestBody"]["content"].as_object());
        let json = schemas.flat_map(|content| content.iter().filter(|(kind, _)| kind.contains("json")));
        json.filter_map(|(_, content)| name(&content["schema"]).map(str::to_owned)).collect()
    }

    /// No member that the schema does not know, none missing that it requires, all the way down.
    fn fits(example: &Value, schema: &Value, schemas: &Map<String, Value>, path: &str) {
        if let Some(name) = name(schema) {
            return fits(example, &schemas[name], schemas, path);
        }
        for part in schema["allOf"].as_array().into_iter().flatten().filter(|part| name(part).is_some()) {
            fits(example, part, schemas, path);
        }
        if let Some(items) = example.as_array() {
            items.iter().for_each(|item| fits(item, &schema["items"], schemas, path));
        }
        let (Some(members), Some(properties)) = (example.as_object(), schema["properties"].as_object()) else { return };
        for (member, value) in members {
            let known = properties.get(member).unwrap_or_else(|| panic!("{path} knows no {member}"));
            fits(value, known, schemas, &format!("{path}.{member}"));
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(members.contains_key(required.as_str().unwrap()), "{path} lacks {required}");
        }
    }

    #[test]
    fn every_body_has_an_example_and_every_example_fits_its_schema() {
        let document = crate::openapi();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for body in bodies(&document) {
            assert!(schemas[&body].get("example").is_some(), "{body} has no example");
        }
        for (known, _) in requests().into_iter().chain(answers()) {
            assert!(schemas.contains_key(known), "there is no schema {known}");
        }
        for (name, schema) in schemas.iter().filter(|(_, schema)| schema.get("example").is_some()) {
            fits(&schema["example"], schema, schemas, name);
        }
    }
}
