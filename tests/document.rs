//! Requests made from the OpenAPI document, most of them wrong somewhere: every answer is one that the document has.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, TimeDelta, Utc};
use jobs::Queue;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use reqwest::{
    Method, RequestBuilder, Url,
    header::CONTENT_TYPE,
    multipart::{Form, Part},
};
use serde_json::{Map, Value, json};
use tests::{
    House,
    house::{Answer, noon, send, with},
};
use uuid::Uuid;

const SEED: u64 = 3;
const REQUESTS: usize = 1_500;

/// What ends the session that the test goes on with.
const LAST: [&str; 4] = ["logout", "closeSession", "closeSessions", "refresh"];

/// Texts that somebody, somewhere, does not expect.
const TEXTS: [&str; 14] = [
    "",
    " ",
    "a\0b",
    "\u{202e}",
    "'; drop table job; --",
    "../../etc/passwd",
    "%00",
    "-1",
    "1e400",
    "null",
    "{}",
    "\r\nX: y",
    "9999-12-31T23:59:59Z",
    "+262142-12-31T23:59:59Z",
];

/// A document with what refers to other parts of it.
struct Document(Value);

impl Document {
    /// The schema itself, where this is a reference to one, alone or with words of its own.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let schema = schema["allOf"].get(0).unwrap_or(schema);
        match schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            Some(name) => &self.0["components"]["schemas"][name],
            None => schema,
        }
    }

    /// What a value has that its schema does not allow.
    fn against(&self, schema: &Value, value: &Value, place: &str) -> Vec<String> {
        if value.is_null() && schema["nullable"] == true {
            return Vec::new();
        }
        let schema = self.resolved(schema);
        if let Some(ways) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
            let fits = ways.iter().any(|way| self.against(way, value, place).is_empty());
            return if fits { Vec::new() } else { vec![format!("{place} is none of several")] };
        }
        let is_right = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        let is_known = schema["enum"].as_array().is_none_or(|words| words.contains(value));
        if !is_right || !is_known {
            return vec![format!("{place} is {value}")];
        }
        let mut wrong = Vec::new();
        if let (Some(members), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            wrong.extend(
                required.filter(|name| !members.contains_key(*name)).map(|name| format!("{place}/{name} is missing")),
            );
            for (name, value) in members {
                match known.get(name) {
                    Some(schema) => wrong.extend(self.against(schema, value, &format!("{place}/{name}"))),
                    None => wrong.push(format!("{place}/{name} is not in the document")),
                }
            }
        }
        let items = value.as_array().into_iter().flatten().enumerate();
        wrong.extend(items.flat_map(|(at, item)| self.against(&schema["items"], item, &format!("{place}/{at}"))));
        wrong
    }
}

/// Draws requests.
struct Client<'a> {
    document: &'a Document,
    dice: StdRng,
    /// What was seen in answers, by the first part of its address.
    ids: BTreeMap<String, Vec<String>>,
}

impl Client<'_> {
    fn chance(&mut self, share: f64) -> bool {
        self.dice.random_bool(share)
    }

    fn one_of<T: Clone>(&mut self, of: &[T]) -> T {
        of.choose(&mut self.dice).expect("there is something to choose from").clone()
    }

    fn id(&mut self, kind: &str) -> String {
        match self.ids.get(kind).cloned() {
            Some(known) if !known.is_empty() && self.chance(0.9) => self.one_of(&known),
            _ => Uuid::new_v4().to_string(),
        }
    }

    /// What a member with such a name most likely points to.
    fn pointed_to(name: &str) -> Option<&'static str> {
        Some(match name {
            "carId" => "cars",
            "branchId" => "branches",
            "userId" => "users",
            _ => return None,
        })
    }

    fn anything(&mut self) -> Value {
        let text = self.one_of(&TEXTS);
        let values = [
            json!(null),
            json!(true),
            json!(-1),
            json!(u64::MAX),
            json!(1.5),
            json!([[]]),
            json!({ "a": {} }),
            json!(text),
        ];
        self.one_of(&values)
    }

    /// A value for a schema, now and then another.
    fn value(&mut self, name: &str, schema: &Value) -> Value {
        if self.chance(0.03) {
            return self.anything();
        }
        let schema = self.document.resolved(schema);
        if let Some(ways) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
            let way = self.one_of(ways);
            return self.value(name, &way);
        }
        if let Some(words) = schema["enum"].as_array() {
            return self.one_of(words);
        }
        match (schema["type"].as_str().unwrap_or_default(), schema["format"].as_str().unwrap_or_default()) {
            ("object", _) => {
                let required = schema["required"].as_array().cloned().unwrap_or_default();
                let mut object = Map::new();
                for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                    if required.contains(&json!(name)) || self.chance(0.3) {
                        object.insert(name.clone(), self.value(name, schema));
                    }
                }
                object.into()
            }
            ("array", _) => (0..self.dice.random_range(0..3)).map(|_| self.value(name, &schema["items"])).collect(),
            ("integer", _) => json!(self.one_of(&[0, 1, 2, 30, 4_900, -1, i64::from(i32::MAX) + 1, i64::MIN])),
            ("number", _) => json!(self.one_of(&[0.0, 0.5, 1.0, -0.1, f64::MAX])),
            ("boolean", _) => json!(self.chance(0.5)),
            (_, "uuid") => json!(self.id(Self::pointed_to(name).unwrap_or_default())),
            (_, "date-time") => {
                let minutes = self.one_of(&[-100_000, -60, 0, 65, 3_000, 6_000, 600_000]);
                json!((Utc::now() + TimeDelta::minutes(minutes)).to_rfc3339_opts(SecondsFormat::Secs, true))
            }
            _ if name == "currency" => json!("EUR"),
            _ if self.chance(0.7) => json!(Uuid::new_v4().simple().to_string()[..8].to_uppercase()),
            _ => json!(self.one_of(&TEXTS)),
        }
    }

    fn text(&mut self, name: &str, schema: &Value) -> String {
        match self.value(name, schema) {
            Value::String(text) => text,
            value => value.to_string(),
        }
    }

    /// The address of an operation, with its parameters.
    fn address(&mut self, house: &House, asked: &Operation) -> String {
        let mut url = Url::parse(&house.url).unwrap();
        for part in asked.path.split('/').skip(1) {
            let part = match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some("id") => self.id(asked.subject()),
                Some(name) => self.text(name, &json!({ "type": "string", "format": "uuid" })),
                None => part.to_owned(),
            };
            url.path_segments_mut().unwrap().pop_if_empty().push(&part);
        }
        let parameters = asked.operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|one| one["in"] == "query") {
            if parameter["required"] == true || self.chance(0.4) {
                let name = parameter["name"].as_str().unwrap();
                let value = self.text(name, &parameter["schema"]);
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        url.as_str().trim_start_matches(&house.url).to_owned()
    }

    fn body(&mut self, operation: &Value, request: RequestBuilder) -> RequestBuilder {
        let Some(kinds) = operation["requestBody"]["content"].as_object() else { return request };
        let kinds: Vec<_> = kinds.iter().collect();
        let (kind, content) = self.one_of(&kinds);
        if !kind.starts_with("application/json") {
            return request.multipart(self.form(self.document.resolved(&content["schema"])));
        }
        let mut body = self.value("", &content["schema"]).to_string().into_bytes();
        if self.chance(0.05) {
            body.truncate(body.len() / 2);
        }
        request.header(CONTENT_TYPE, kind).body(body)
    }

    /// Fields of which most are no photos.
    fn form(&mut self, schema: &Value) -> Form {
        let mut form = Form::new();
        for name in schema["properties"].as_object().into_iter().flat_map(|members| members.keys()) {
            if self.chance(0.7) {
                let bytes = self.one_of::<&[u8]>(&[b"\xff\xd8\xff\xe0", b"GIF89a", b"12", b"0.5", b""]);
                form = form.part(name.clone(), Part::bytes(bytes).file_name("photo.jpg"));
            }
        }
        form
    }

    /// Keeps what later requests may ask about.
    fn learn(&mut self, kind: &str, document: &Value) {
        let one = std::slice::from_ref(document);
        for document in document["items"].as_array().map_or(one, Vec::as_slice) {
            let pointers = [(kind, "id"), ("cars", "carId"), ("branches", "branchId"), ("bookings", "bookingId")];
            for (kind, name) in pointers {
                let id = document[name].as_str().map(str::to_owned);
                self.ids.entry(kind.to_owned()).or_default().extend(id);
            }
            if document["offer"].is_object() {
                self.learn("offers", &document["offer"]);
            }
        }
    }
}

#[derive(Clone)]
struct Operation {
    path: String,
    method: Method,
    operation: Value,
}

impl Operation {
    /// What it is about: the first part of its address.
    fn subject(&self) -> &str {
        let below = self.path.trim_start_matches("/api/v1/").trim_start_matches("admin/");
        below.split('/').next().unwrap_or_default()
    }
}

fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(|(method, operation)| Operation {
            path: path.clone(),
            method: method.to_uppercase().parse().unwrap(),
            operation: operation.clone(),
        })
    });
    operations.filter(|one| !LAST.iter().any(|last| one.operation["operationId"] == *last)).collect()
}

/// What is wrong with an answer.
fn wrong(document: &Document, operation: &Value, answer: &Answer) -> Vec<String> {
    let response = &operation["responses"][answer.status.as_str()];
    if answer.status.is_server_error() {
        return vec!["that is no fault of the client's".to_owned()];
    }
    if response.is_null() {
        return vec!["this status is not in the document".to_owned()];
    }
    let content = response["content"].as_object().and_then(|content| content.iter().next());
    let Some((_, content)) = content.filter(|_| !answer.body.is_null() && answer.body != "") else { return Vec::new() };
    document.against(&content["schema"], &answer.body, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_the_answer_is_in_the_document() {
    let house = House::open(&[Queue::Booking, Queue::Waitlist]).await;
    let (admin, customer, other) = (house.staff("admin").await, house.customer().await, house.customer().await);
    let document = Document(house.get("/openapi.json", None).await.body);
    let mut client = Client { document: &document, dice: StdRng::seed_from_u64(SEED), ids: BTreeMap::new() };
    for _ in 0..3 {
        let car = house.car(&admin).await;
        client.learn("cars", &json!({ "id": car }));
        for day in [5, 10] {
            client.learn("bookings", &house.book(&customer, car, day).await.body);
            let wish = json!({ "carId": car, "from": noon(day), "to": noon(day + 1) });
            client.learn("waitlist", &house.post("/api/v1/waitlist", Some(&other), wish).await.body);
        }
    }

    let (operations, mut failures, mut done) = (operations(&document.0), Vec::new(), 0);
    for _ in 0..REQUESTS {
        let asked = client.one_of(&operations);
        let person = client.one_of(&[None, Some(&admin), Some(&admin), Some(&customer), Some(&other)]);
        let address = client.address(&house, &asked);
        let request = with(house.ask(asked.method.clone(), &address), person).header("Prefer", "wait=2");
        let request = request.header("Idempotency-Key", Uuid::new_v4().to_string());
        let answer = send(client.body(&asked.operation, request)).await;
        if answer.status.is_success() {
            done += 1;
            client.learn(asked.subject(), &answer.body);
        }
        let wrong = wrong(&document, &asked.operation, &answer);
        if !wrong.is_empty() {
            failures.push(format!("{} {address}: {} {wrong:?} {}", asked.method, answer.status, answer.body));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(done > REQUESTS / 10, "only {done} requests got what they asked for");
    assert_eq!(house.bed.number("select count(*) from job where state = 'dead'").await, 0);
}
