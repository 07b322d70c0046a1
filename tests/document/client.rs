//! A client that asks for anything.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, TimeDelta, Utc};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use reqwest::{
    RequestBuilder, Url,
    header::CONTENT_TYPE,
    multipart::{Form, Part},
};
use serde_json::{Map, Value, json};
use tests::House;
use uuid::Uuid;

use super::{operation::Operation, schema::Document};

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

/// What members with such names point to: the first part of its address.
const POINTERS: [(&str, &str); 4] =
    [("carId", "cars"), ("branchId", "branches"), ("bookingId", "bookings"), ("userId", "users")];

/// Draws requests.
pub(super) struct Client<'a> {
    pub(super) document: &'a Document,
    pub(super) dice: StdRng,
    /// What was seen in answers, by the first part of its address.
    pub(super) ids: BTreeMap<String, Vec<String>>,
}

impl Client<'_> {
    fn chance(&mut self, share: f64) -> bool {
        self.dice.random_bool(share)
    }

    pub(super) fn one_of<T: Clone>(&mut self, of: &[T]) -> T {
        of.choose(&mut self.dice).expect("there is something to choose from").clone()
    }

    fn id(&mut self, kind: &str) -> String {
        match self.ids.get(kind).cloned() {
            Some(known) if !known.is_empty() && self.chance(0.9) => self.one_of(&known),
            _ => Uuid::new_v4().to_string(),
        }
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
            (_, "uuid") => {
                let kind = POINTERS.iter().find(|(member, _)| *member == name).map_or("", |(_, kind)| kind);
                json!(self.id(kind))
            }
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
    pub(super) fn address(&mut self, house: &House, asked: &Operation) -> String {
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

    pub(super) fn body(&mut self, operation: &Value, request: RequestBuilder) -> RequestBuilder {
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
    pub(super) fn learn(&mut self, kind: &str, document: &Value) {
        let one = std::slice::from_ref(document);
        for document in document["items"].as_array().map_or(one, Vec::as_slice) {
            for (name, kind) in POINTERS.into_iter().chain([("id", kind)]) {
                let id = document[name].as_str().map(str::to_owned);
                self.ids.entry(kind.to_owned()).or_default().extend(id);
            }
            if document["offer"].is_object() {
                self.learn("offers", &document["offer"]);
            }
        }
    }
}
