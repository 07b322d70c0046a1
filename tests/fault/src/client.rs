//! A client that writes everything down, and repeats itself under the same key when it was told nothing.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use reqwest::{Method, RequestBuilder, StatusCode, multipart};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    ledger::{Fate, Kind, Ledger},
    wait::{Patience, until_ok},
};

/// How long one try may take. Longer than the longest wait that is asked for.
const PATIENCE: Duration = Duration::from_secs(25);

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: Uuid,
    pub email: String,
    pub token: String,
}

/// Four photos with their slots.
pub type Photos = Arc<Vec<(&'static str, Vec<u8>)>>;

/// Something to ask for, as often as it takes.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub kind: Kind,
    pub path: String,
    pub body: Value,
    pub key: String,
    pub photos: Option<Photos>,
    /// Seconds to wait for the outcome; none asks for no waiting at all.
    pub wait: u32,
}

impl Wanted {
    #[must_use]
    pub fn new(kind: Kind, path: impl Into<String>, body: Value) -> Self {
        Self { kind, path: path.into(), body, key: Uuid::new_v4().to_string(), photos: None, wait: 5 }
    }
}

/// What a try came to.
#[derive(Clone, Debug)]
pub struct Answer {
    pub fate: Fate,
    pub status: Option<u16>,
    pub body: Value,
}

impl Answer {
    #[must_use]
    pub fn is(&self, status: u16) -> bool {
        self.status == Some(status)
    }

    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str()
    }
}

/// The clients' side of the wire.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    fronts: Arc<Vec<String>>,
    pub ledger: Arc<Ledger>,
}

impl Client {
    /// # Errors
    /// The machine has no usable TLS roots, which nobody needs here.
    pub fn new(fronts: Vec<String>, ledger: Arc<Ledger>) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
        Ok(Self { http, fronts: Arc::new(fronts), ledger })
    }

    #[must_use]
    pub fn fronts(&self) -> usize {
        self.fronts.len()
    }

    fn request(&self, front: usize, method: Method, path: &str, who: Option<&Person>) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.fronts[front % self.fronts.len()]));
        match who {
            Some(person) => request.bearer_auth(&person.token),
            None => request,
        }
    }

    /// A read, which is not written down.
    ///
    /// # Errors
    /// The front does not answer.
    pub async fn get(&self, front: usize, path: &str, who: &Person) -> Result<(StatusCode, Value)> {
        let response = self.request(front, Method::GET, path, Some(who)).send().await?;
        Ok((response.status(), response.json().await.unwrap_or_default()))
    }

    /// A write that is part of the scenery, and not written down.
    ///
    /// # Errors
    /// It does not happen.
    pub async fn post_plain(&self, front: usize, path: &str, who: &Person, body: &Value) -> Result<Value> {
        let key = Uuid::new_v4().to_string();
        let mut turn = front;
        until_ok(Duration::from_secs(60), async || {
            turn += 1;
            let request = self.request(turn, Method::POST, path, Some(who)).header("Prefer", "wait=20").json(body);
            let answer = request.header("Idempotency-Key", &key).send().await?.error_for_status()?;
            Ok(answer.json().await?)
        })
        .await
    }

    /// A write whose outcome nobody waits for, not written down.
    ///
    /// # Errors
    /// It is not accepted.
    pub async fn post_async(&self, front: usize, path: &str, who: &Person, body: &Value) -> Result<()> {
        let request = self.request(front, Method::POST, path, Some(who)).header("Prefer", "respond-async").json(body);
        request.header("Idempotency-Key", Uuid::new_v4().to_string()).send().await?.error_for_status()?;
        Ok(())
    }

    /// Puts a photo where an opened return wants it, which is at the bucket; tries until it is there.
    ///
    /// # Errors
    /// The bucket does not take it for as long as there is patience.
    pub async fn put(&self, target: &Value, jpeg: &[u8], patience: Duration) -> Result<()> {
        let mut patience = Patience::of(patience);
        loop {
            match self.put_once(target, jpeg).await {
                Err(error) if !patience.again().await => return Err(error),
                Err(_) => {}
                Ok(()) => return Ok(()),
            }
        }
    }

    async fn put_once(&self, target: &Value, jpeg: &[u8]) -> Result<()> {
        let mut request = self.http.put(target["url"].as_str().context("a target has an address")?);
        for (name, value) in target["headers"].as_object().into_iter().flatten() {
            request = request.header(name, value.as_str().context("a header is a text")?);
        }
        request.body(jpeg.to_vec()).send().await?.error_for_status()?;
        Ok(())
    }

    /// The status of a write under a key, not written down: it must not count.
    ///
    /// # Errors
    /// The front does not answer.
    pub async fn post_key(&self, front: usize, path: &str, who: &Person, key: &str, body: &Value) -> Result<u16> {
        let request = self.request(front, Method::POST, path, Some(who)).header("Idempotency-Key", key).json(body);
        Ok(request.send().await?.status().as_u16())
    }

    /// The address of a front.
    #[must_use]
    pub fn front(&self, at: usize) -> &str {
        &self.fronts[at % self.fronts.len()]
    }

    /// One try.
    ///
    /// # Errors
    /// It could not be written down.
    pub async fn ask(&self, who: Option<&Person>, front: usize, wanted: &Wanted) -> Result<Answer> {
        let id = who.map_or(Uuid::nil(), |person| person.id);
        let note = json!({ "path": wanted.path, "body": wanted.body });
        let op = self.ledger.invoke(wanted.kind, id, &wanted.key, front % self.fronts.len(), &note)?;
        let answer = match self.send(who, front, wanted).await {
            Ok((status, body)) => Answer { fate: fate(status), status: Some(status.as_u16()), body },
            Err(error) => Answer { fate: Fate::Unknown, status: None, body: json!(format!("{error:#}")) },
        };
        self.ledger.complete(op, answer.fate, answer.status, answer.body.clone())?;
        Ok(answer)
    }

    /// Tries again under the same key, at the next front, until an answer says something.
    ///
    /// # Errors
    /// It could not be written down.
    pub async fn insist(&self, who: Option<&Person>, front: usize, wanted: &Wanted, until: f64) -> Result<Answer> {
        let mut patience = Patience::of(self.ledger.left(until));
        let mut turn = front;
        loop {
            let answer = self.ask(who, turn, wanted).await?;
            if answer.fate != Fate::Unknown || !patience.again().await {
                return Ok(answer);
            }
            turn += 1;
        }
    }

    async fn send(&self, who: Option<&Person>, front: usize, wanted: &Wanted) -> Result<(StatusCode, Value)> {
        let request = self.request(front, Method::POST, &wanted.path, who).header("Idempotency-Key", &wanted.key);
        let request = match wanted.wait {
            0 => request.header("Prefer", "respond-async"),
            wait => request.header("Prefer", format!("wait={wait}")),
        };
        let request = match &wanted.photos {
            None => request.json(&wanted.body),
            Some(photos) => request.multipart(form(&wanted.body, photos)?),
        };
        let response = request.send().await?;
        let status = response.status();
        Ok((status, serde_json::from_slice(&response.bytes().await?).unwrap_or_default()))
    }

    /// Logs in; tries until a front answers.
    ///
    /// # Errors
    /// None does, or the password is wrong.
    pub async fn log_in(&self, email: &str, password: &str) -> Result<Person> {
        let body = json!({ "email": email, "password": password });
        let mut turn = 0;
        let pair = until_ok(Duration::from_secs(20), async || {
            turn += 1;
            let answer = self.request(turn, Method::POST, "/api/v1/auth/login", None).json(&body).send().await?;
            Ok(answer.error_for_status()?.json().await?)
        });
        let pair = pair.await.with_context(|| format!("{email} cannot log in"))?;
        until_ok(Duration::from_secs(20), async || self.person(turn, email, &pair).await).await
    }

    async fn person(&self, front: usize, email: &str, pair: &Value) -> Result<Person> {
        let token = pair["accessToken"].as_str().context("a pair has a token")?.to_owned();
        let mut person = Person { id: Uuid::nil(), email: email.to_owned(), token };
        let (_, me) = self.get(front, "/api/v1/me", &person).await?;
        person.id = me["id"].as_str().context("an account has an id")?.parse()?;
        Ok(person)
    }
}

/// What a status says. A 5xx says nothing: the work may have been done before it went wrong.
fn fate(status: StatusCode) -> Fate {
    match status.as_u16() {
        200..=299 => Fate::Ok,
        408 | 429 | 500.. => Fate::Unknown,
        _ => Fate::No,
    }
}

fn form(readings: &Value, photos: &Photos) -> Result<multipart::Form> {
    let mut form = multipart::Form::new();
    for (name, value) in readings.as_object().into_iter().flatten() {
        form = form.text(name.clone(), value.to_string());
    }
    for (slot, jpeg) in photos.iter() {
        let part = multipart::Part::bytes(jpeg.clone()).file_name(format!("{slot}.jpg")).mime_str("image/jpeg")?;
        form = form.part(*slot, part);
    }
    Ok(form)
}
