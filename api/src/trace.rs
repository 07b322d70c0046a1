//! What ties the log lines of one request together: its id and its W3C trace context.

use jobs::ledger::Trace;
use poem::{FromRequest, Request, RequestBody};
use uuid::Uuid;

/// The id of a request, sent by the client or minted here; answered as `X-Request-Id`.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// `traceparent` as it goes on to the job.
#[derive(Clone, Debug)]
pub struct TraceParent(pub String);

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// A client's id is taken when it is short and harmless in a log line.
pub(crate) fn request_id(request: &Request) -> RequestId {
    let harmless = |id: &&str| {
        (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let given = header(request, "x-request-id").filter(harmless).map(str::to_owned);
    RequestId(given.unwrap_or_else(|| Uuid::now_v7().simple().to_string()))
}

/// Continues the client's trace, or begins one.
pub(crate) fn traceparent(request: &Request) -> TraceParent {
    let span = || Uuid::new_v4().simple().to_string()[..16].to_owned();
    let continued = header(request, "traceparent").and_then(|given| {
        let trace = given.split('-').nth(1)?;
        let sane = trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit()) && trace != "0".repeat(32);
        sane.then(|| format!("00-{}-{}-01", trace.to_lowercase(), span()))
    });
    TraceParent(continued.unwrap_or_else(|| format!("00-{}-{}-01", Uuid::new_v4().simple(), span())))
}

/// Hands a handler the trace of its request.
pub struct Traced(pub Trace);

impl<'a> FromRequest<'a> for Traced {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let get = |text: Option<&String>| text.cloned();
        Ok(Self(Trace {
            traceparent: get(request.extensions().get::<TraceParent>().map(|parent| &parent.0)),
            request_id: get(request.extensions().get::<RequestId>().map(|id| &id.0)),
        }))
    }
}
