//! What every request passes on its way in and out: request id, trace, body limit,
//! panics and errors as problems, security headers, access log, metrics.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use poem::{
    Body, Endpoint, EndpointExt, IntoResponse, Request, Response, Result,
    endpoint::BoxEndpoint,
    http::{HeaderName, HeaderValue, Method, StatusCode, Version, header},
    middleware::{CatchPanic, Cors},
};
use rules::problem;
use tokio::io::{AsyncRead, AsyncReadExt};
use tracing::Instrument;

use crate::{
    address::{self, Bodied},
    error::{self, ApiError},
    settings::{BODY_LIMIT, FrontSettings, LONGEST_WAIT},
    shape::is_multipart,
    trace,
};

/// How long a body without photos may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the answer to it may take: as long as anybody may wait for an outcome, and some more. A database that is gone without
/// a word would keep the connection that it was asked through for ever.
const LONGEST: Duration = LONGEST_WAIT.saturating_add(Duration::from_secs(15));

/// The same with photos, which take up to five minutes to arrive.
const LONGEST_WITH_PHOTOS: Duration = LONGEST.saturating_add(Duration::from_secs(300));

/// Serves one JSON text.
pub(crate) fn json(text: &'static str) -> impl Endpoint {
    poem::endpoint::make(async |_| text.with_content_type("application/json"))
}

/// Puts everything around the routes.
pub(crate) fn wrap(routes: impl Endpoint + 'static, settings: &FrontSettings) -> BoxEndpoint<'static, Response> {
    let panics = CatchPanic::new().with_handler(|_| ApiError::internal("a handler panicked").response("", ""));
    let routes = routes.with(panics).around(hold);
    match settings.cors_origins.as_slice() {
        // Without an origin the middleware would allow all of them.
        [] => routes.around(observe).boxed(),
        origins => shared(routes, origins).around(observe).boxed(),
    }
}

/// What a script may read of an answer besides its body.
const READABLE: [&str; 8] = [
    "location",
    "retry-after",
    "preference-applied",
    "allow",
    "ratelimit",
    "ratelimit-policy",
    "www-authenticate",
    "x-request-id",
];

/// Lets scripts of these origins read what the API answers. Whoever comes from elsewhere is served like anybody: it is their
/// browser that keeps the answer from a script. Pages are not for scripts.
fn shared(routes: impl Endpoint + 'static, origins: &[String]) -> impl Endpoint + 'static {
    // As answers, because the middleware would make its own of errors.
    let routes = Arc::new(routes.around(explain).boxed());
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let cors = Cors::new().allow_credentials(false).allow_methods(methods).allow_origins(origins);
    let readable = Arc::new(Arc::clone(&routes).with(cors.expose_headers(READABLE)).map_to_response().boxed());
    let origins: Arc<HashSet<String>> = Arc::new(origins.iter().cloned().collect());
    poem::endpoint::make(move |request: Request| {
        let (routes, readable, origins) = (Arc::clone(&routes), Arc::clone(&readable), Arc::clone(&origins));
        async move {
            let api = request.uri().path().starts_with("/api/") || request.uri().path() == "/openapi.json";
            let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
            let known = origin.is_some_and(|origin| origins.contains(origin));
            let mut response = if api && known { readable.call(request).await } else { routes.call(request).await }?;
            if api {
                response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
            }
            Ok::<_, poem::Error>(response)
        }
    })
}

/// Errors as problems.
async fn explain<E: Endpoint>(next: Arc<E>, request: Request) -> Result<Response> {
    let id = request.extensions().get().cloned().unwrap_or_else(|| trace::request_id(&request));
    let path = error::instance(&request);
    Ok(match next.call(request).await {
        Ok(response) => response.into_response(),
        Err(failure) => error::to_problem(&failure, &id, &path),
    })
}

/// What no operation looks at: parameters that it does not know, and a JSON body, which is read here, up to a limit.
/// Multipart bodies are counted where they are streamed.
async fn hold<E: Endpoint>(next: Arc<E>, mut request: Request) -> Result<Response> {
    hold_headers(&request)?;
    address::hold_query(request.method(), request.original_uri(), false)?;
    let with_photos = request.content_type().is_some_and(is_multipart);
    let mut body = Bodied(with_photos);
    if !with_photos {
        let read = read(request.take_body(), PATIENCE).await?;
        body = Bodied(says_anything(&read));
        request.set_body(read);
    }
    address::hold_body(request.method(), request.original_uri(), false, Some(&body))?;
    request.extensions_mut().insert(body);
    let longest = if with_photos { LONGEST_WITH_PHOTOS } else { LONGEST };
    let answer = tokio::time::timeout(longest, next.call(request)).await;
    let late = |_| ApiError::new(problem::SERVICE_UNAVAILABLE, "This took too long. Please try again in a moment.");
    Ok(answer.map_err(late)??.into_response())
}

/// What RFC 9112 wants refused, and bodies that would be taken for broken JSON.
fn hold_headers(request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    if request.version() == Version::HTTP_11 && headers.get_all(header::HOST).iter().count() != 1 {
        return Err(ApiError::new(problem::BAD_REQUEST, "A request names one Host."));
    }
    let coded = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if coded {
        let words = "Send the body as it is: no Content-Encoding is understood here.";
        return Err(ApiError::new(problem::UNSUPPORTED_MEDIA_TYPE, words));
    }
    let parameters = request.content_type().into_iter().flat_map(|kind| kind.split(';').skip(1));
    let mut charsets = parameters
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    let known = |charset: &str| ["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known));
    if charsets.any(|(_, charset)| !known(charset.trim().trim_matches('"'))) {
        return Err(ApiError::new(problem::UNSUPPORTED_MEDIA_TYPE, "Send texts in UTF-8."));
    }
    Ok(())
}

/// An empty object says nothing, either.
fn says_anything(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    let object = body.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    !body.is_empty() && !object.is_some_and(|members| members.trim_ascii().is_empty())
}

async fn read(body: Body, patience: Duration) -> Result<Bytes, ApiError> {
    let mut body = body.into_async_read();
    let (mut read, mut within) = (Vec::new(), (&mut body).take(BODY_LIMIT as u64 + 1));
    let arrived = tokio::time::timeout(patience, within.read_to_end(&mut read)).await;
    let arrived = arrived.map_err(|_| ApiError::new(problem::REQUEST_TIMEOUT, "Please send it again."))?;
    arrived.map_err(|_| ApiError::new(problem::BAD_REQUEST, "The body broke off."))?;
    if read.len() > BODY_LIMIT {
        read_away(body).await;
        let words = format!("A JSON body holds at most {BODY_LIMIT} bytes.");
        return Err(ApiError::new(problem::BODY_TOO_LARGE, words));
    }
    Ok(read.into())
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
            tracing::info!(%method, path = &*address::redacted(&path), status, milliseconds = seconds * 1000.0, "answered");
        }
        let route = address::route(&path);
        metrics::counter!("http_requests_total", "method" => counted(&method), "route" => route, "status" => status.to_string())
            .increment(1);
        metrics::histogram!("http_request_duration_seconds", "route" => route).record(seconds);
        Ok(response)
    }
    .instrument(span)
    .await
}

/// What a method is counted under: it is a word of the client's, too.
fn counted(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

fn seal(response: &mut Response, id: &trace::RequestId) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.append(header::VARY, HeaderValue::from_static("Prefer"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(header::X_FRAME_OPTIONS).or_insert(HeaderValue::from_static("DENY"));
    if matches!(response.status(), StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
        // The rest of the body is not read, so the next request cannot come the same way.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_arrive_is_not_waited_for_for_ever() {
        let endless = futures::stream::pending::<std::io::Result<Bytes>>();
        let begun = futures::stream::iter([Ok(Bytes::from_static(b"{"))]);
        let body = Body::from_bytes_stream(futures::StreamExt::chain(begun, endless));
        let refused = read(body, Duration::from_millis(10)).await.unwrap_err();
        assert_eq!(refused.problem.code, "request_timeout");
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_its_headers() {
        let held = |lines: &[(&str, &str)]| {
            let request = lines.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
            hold_headers(&request.finish()).map_err(|refused| refused.problem.status)
        };
        let host = ("host", "cars.example.com");
        assert_eq!(held(&[host, ("content-type", "application/json; Charset=\"UTF-8\"")]), Ok(()));
        assert_eq!(held(&[host, ("content-encoding", "identity")]), Ok(()));
        assert_eq!(held(&[host, ("content-encoding", "gzip")]), Err(415));
        assert_eq!(held(&[host, ("content-type", "application/json; charset=utf-16")]), Err(415));
        assert_eq!([held(&[]), held(&[host, host])], [Err(400); 2]);
    }

    #[test]
    fn an_empty_object_says_nothing() {
        assert_eq!(
            [&b" "[..], b"{ }", b"{}", b"{", b"[]", b"{\"a\":1}"].map(says_anything),
            [false, false, false, true, true, true]
        );
    }

    #[test]
    fn a_method_of_the_clients_own_is_counted_with_the_others_of_that_kind() {
        assert_eq!(["GET", "BREW"].map(|method| counted(&method.parse().unwrap())), ["GET", "other"]);
    }
}
