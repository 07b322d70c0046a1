use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Method, Response, StatusCode, multipart};
use serde_json::{Value, json};

use crate::{Mail, Services};

/// How long the story waits for any one thing.
const PATIENCE: Duration = Duration::from_secs(90);

/// A client of the platform as anybody could write one.
pub(super) struct Client<'a> {
    http: reqwest::Client,
    url: String,
    services: &'a Services,
}

/// An answer that was read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) body: Value,
}

impl Answer {
    /// The answer, if it has this status; else the words of the problem.
    pub(super) fn expect(self, status: u16) -> Result<Self> {
        ensure!(self.status.as_u16() == status, "expected {status}, got {}: {}", self.status, self.body);
        Ok(self)
    }

    /// A member that is text, by JSON Pointer.
    pub(super) fn text(&self, pointer: &str) -> Result<String> {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        Ok(text.with_context(|| format!("no {pointer} in {}", self.body))?.to_owned())
    }
}

impl<'a> Client<'a> {
    pub(super) fn new(url: String, services: &'a Services) -> Self {
        Self { http: reqwest::Client::new(), url, services }
    }

    pub(super) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn request(&self, method: Method, path: &str, token: Option<&str>) -> reqwest::RequestBuilder {
        let request = self.http.request(method, self.address(path));
        let request = request.header("Idempotency-Key", uuid::Uuid::new_v4().to_string());
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(super) async fn get(&self, path: &str, token: Option<&str>) -> Result<Answer> {
        read(self.request(Method::GET, path, token).send().await?).await
    }

    pub(super) async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Result<Answer> {
        let request = self.request(Method::POST, path, token).header("Prefer", "wait=20").json(&body);
        read(request.send().await?).await
    }

    pub(super) async fn post_async(&self, path: &str, token: Option<&str>, body: Value) -> Result<Answer> {
        let request = self.request(Method::POST, path, token).header("Prefer", "respond-async").json(&body);
        read(request.send().await?).await
    }

    /// Readings and photos in one request.
    pub(super) async fn post_photos(
        &self,
        path: &str,
        token: &str,
        (odometer, fuel): (i32, f64),
        photos: Vec<(&'static str, Vec<u8>)>,
    ) -> Result<Answer> {
        let mut form = multipart::Form::new().text("odometer", odometer.to_string()).text("fuel", fuel.to_string());
        for (slot, jpeg) in photos {
            let part = multipart::Part::bytes(jpeg).file_name(format!("{slot}.jpg")).mime_str("image/jpeg")?;
            form = form.part(slot, part);
        }
        let request = self.request(Method::POST, path, Some(token)).header("Prefer", "wait=30").multipart(form);
        read(request.send().await?).await
    }

    /// What a browser does with the page of a mail's link.
    pub(super) async fn page(&self, url: &str) -> Result<(StatusCode, String)> {
        let response = self.http.get(url).send().await?;
        Ok((response.status(), response.text().await?))
    }

    pub(super) async fn send_form(&self, url: &str, fields: &[(&str, &str)]) -> Result<(StatusCode, String)> {
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let request = self.http.post(url).header("Content-Type", "application/x-www-form-urlencoded");
        let response = request.body(body.join("&")).send().await?;
        Ok((response.status(), response.text().await?))
    }

    /// A form with a photo.
    pub(super) async fn send_statement(
        &self,
        url: &str,
        texts: [(&'static str, String); 3],
        jpeg: Vec<u8>,
    ) -> Result<(StatusCode, String)> {
        let form = texts.into_iter().fold(multipart::Form::new(), |form, (name, text)| form.text(name, text));
        let photo = multipart::Part::bytes(jpeg).file_name("before.jpg").mime_str("image/jpeg")?;
        let request = self.http.post(url).header("Prefer", "wait=30").multipart(form.part("photos", photo));
        let response = request.send().await?;
        Ok((response.status(), response.text().await?))
    }

    /// Uploads to a presigned address, as the answer of the platform says.
    pub(super) async fn upload(&self, upload: &Value, jpeg: Vec<u8>) -> Result<()> {
        let url = upload["url"].as_str().context("an upload has an address")?;
        let mut request = self.http.put(url).body(jpeg);
        for (name, value) in upload["headers"].as_object().into_iter().flatten() {
            request = request.header(name, value.as_str().unwrap_or_default());
        }
        let response = request.send().await?;
        ensure!(response.status().is_success(), "the bucket answered {}", response.status());
        Ok(())
    }

    /// Waits for a mail to somebody whose subject contains `words`.
    pub(super) async fn mail(&self, to: &str, words: &str) -> Result<Arc<Mail>> {
        let inbox = self.services.inbox().context("the story reads the mail in the platform's own inbox")?;
        let wanted = |mail: &Mail| mail.to.iter().any(|one| one.contains(to)) && mail.subject.contains(words);
        inbox.wait_for(PATIENCE, wanted).await.with_context(|| format!("no mail \"{words}\" to {to}"))
    }

    /// Asks again until the answer is as wanted.
    pub(super) async fn until(
        &self,
        fact: &str,
        path: &str,
        token: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Answer> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < deadline {
            let answer = self.get(path, Some(token)).await?;
            if wanted(&answer.body) {
                return Ok(answer);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("waited in vain until {fact}")
    }

    /// Registers somebody new and logs in; gives address and token.
    pub(super) async fn newcomer(&self, who: &str) -> Result<(String, String)> {
        let email = format!("{who}.{:08x}@example.com", rand::random::<u32>());
        let password = "a long pass phrase";
        let body = json!({ "email": email, "password": password, "name": format!("The {who} customer") });
        self.post("/api/v1/auth/register", None, body).await?.expect(201)?;
        let token = self.log_in(&email, password).await?;
        Ok((email, token))
    }

    pub(super) async fn log_in(&self, email: &str, password: &str) -> Result<String> {
        let body = json!({ "email": email, "password": password });
        self.post("/api/v1/auth/login", None, body).await?.expect(200)?.text("/accessToken")
    }
}

async fn read(response: Response) -> Result<Answer> {
    let (status, headers) = (response.status(), response.headers().clone());
    let location = headers.get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Answer { status, location, body })
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}
