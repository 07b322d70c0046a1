//! What every request passes on its way in and out: request id, trace, body limit,
//! panics and errors as problems, security headers, access log, metrics.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use poem::{
    Endpoint, EndpointExt, IntoResponse, Request, Response, Result,
    endpoint::BoxEndpoint,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{CatchPanic, Cors},
};
use rules::problem;
use tokio::io::{AsyncRead, AsyncReadExt};
use tracing::Instrument;

use crate::{
    error::{self, ApiError},
    settings::{BODY_LIMIT, FrontSettings},
    shape, trace,
};

/// Serves one JSON text.
pub(crate) fn json(text: String) -> impl Endpoint {
    let text = Arc::new(text);
    poem::endpoint::make(move |_| {
        let text = text.clone();
        async move { text.as_str().to_owned().with_content_type("application/json") }
    })
}

/// Puts everything around the routes.
pub(crate) fn wrap(routes: impl Endpoint + 'static, settings: &FrontSettings) -> BoxEndpoint<'static, Response> {
    let panics = CatchPanic::new().with_handler(|_| ApiError::internal("a handler panicked").response("", ""));
    let mut cors =
        Cors::new().allow_credentials(false).allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE]);
    for origin in &settings.cors_origins {
        cors = cors.allow_origin(origin);
    }
    // Without an origin the middleware would allow all of them.
    let cors = (!settings.cors_origins.is_empty()).then_some(cors);
    let routes = routes.with(panics).around(limit_body);
    let routes = match cors {
        Some(cors) => routes.with(cors).map_to_response().boxed(),
        None => routes.map_to_response().boxed(),
    };
    routes.around(observe).boxed()
}

/// JSON bodies are read here, up to a limit. Multipart bodies are counted where they are streamed.
async fn limit_body<E: Endpoint>(next: Arc<E>, mut request: Request) -> Result<Response> {
    if !request.content_type().is_some_and(|kind| kind.starts_with("multipart/")) {
        let mut body = request.take_body().into_async_read();
        let mut read = Vec::new();
        let within = (&mut body).take(BODY_LIMIT as u64 + 1).read_to_end(&mut read).await;
        within.map_err(|_| ApiError::new(problem::BAD_REQUEST, "The body broke off."))?;
        if read.len() > BODY_LIMIT {
            read_away(body).await;
            let words = format!("A JSON body holds at most {BODY_LIMIT} bytes.");
            return Err(ApiError::new(problem::BODY_TOO_LARGE, words).into());
        }
        let read = Bytes::from(read);
        request.set_body(read.clone());
        let answered = next.call(request).await.map_err(|failure| shape::explained(failure, &read))?;
        return Ok(answered.into_response());
    }
    Ok(next.call(request).await?.into_response())
}

/// Reads some of what is not wanted: a client that still writes when the connection ends never reads the answer.
async fn read_away(rest: impl AsyncRead + Unpin) {
    const MOST: u64 = 16 << 20;
    const LONGEST: Duration = Duration::from_secs(10);
    let _ = tokio::time::timeout(LONGEST, tokio::io::copy(&mut rest.take(MOST), &mut tokio::io::sink())).await;
}

async fn observe<E: Endpoint>(next: Arc<E>, mut request: Request) -> Result<Response> {
    let (id, parent) = (trace::request_id(&request), trace::traceparent(&request));
    let (method, path) = (request.method().clone(), error::instance(&request));
    let span = tracing::info_span!("request", request_id = %id.0, traceparent = %parent.0);
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(parent);
    let began = Instant::now();
    async {
        let mut response = match next.call(request).await {
            Ok(response) => response.into_response(),
            Err(failure) => error::to_problem(&failure, &id, &path),
        };
        seal(&mut response, &id);
        let (status, seconds) = (response.status().as_u16(), began.elapsed().as_secs_f64());
        let quiet = matches!(path.as_str(), "/livez" | "/readyz" | "/metrics");
        if !quiet {
            tracing::info!(%method, path = redacted(&path), status, milliseconds = seconds * 1000.0, "answered");
        }
        let route = route(&path);
        metrics::counter!("http_requests_total", "method" => method.to_string(), "route" => route.clone(), "status" => status.to_string())
            .increment(1);
        metrics::histogram!("http_request_duration_seconds", "route" => route).record(seconds);
        Ok(response)
    }
    .instrument(span)
    .await
}

/// The path with every id replaced, so that metrics stay few.
fn route(path: &str) -> String {
    let known = ["api", "docs", "review", "ops", "problems", "openapi.json", "livez", "readyz", "metrics", "dev"];
    let mut segments = path.split('/').skip(1);
    match segments.next() {
        Some("api") => {}
        Some(first) if known.contains(&first) => return format!("/{first}"),
        _ => return "other".to_owned(),
    }
    let word =
        |segment: &str| segment.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') && segment.len() < 20;
    let shown = segments.skip(1).take(4).map(|segment| if word(segment) { segment } else { ":id" });
    format!("/api/v1/{}", shown.collect::<Vec<_>>().join("/"))
}

/// Tokens of links stay out of the log.
fn redacted(path: &str) -> &str {
    if path.starts_with("/review/") { "/review/…" } else { path }
}

fn seal(response: &mut Response, id: &trace::RequestId) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::VARY).or_insert(HeaderValue::from_static("Prefer"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(header::X_FRAME_OPTIONS).or_insert(HeaderValue::from_static("DENY"));
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        // The rest of the body is not read, so the next request cannot come the same way.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_name_routes_and_never_ids() {
        assert_eq!(route("/api/v1/bookings/0192-ab/cancel"), "/api/v1/bookings/:id/cancel");
        assert_eq!(route("/api/v1/cars"), "/api/v1/cars");
        assert_eq!(route("/review/secret"), "/review");
        assert_eq!(route("/wp-admin.php"), "other");
    }
}
