//! What was used up, as a client is told.

use poem::{ResponseBuilder, http::header};

/// So much of something within a time.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    pub name: &'static str,
    pub most: u32,
    /// In seconds.
    pub window: u64,
    /// Seconds until there is some again.
    pub wait: u64,
}

impl Quota {
    /// As draft-ietf-httpapi-ratelimit-headers wants it told.
    pub(super) fn tell(&self, response: ResponseBuilder) -> ResponseBuilder {
        let Self { name, most, window, wait } = self;
        response
            .header("RateLimit-Policy", format!("\"{name}\";q={most};w={window}"))
            .header("RateLimit", format!("\"{name}\";r=0;t={wait}"))
            .header(header::RETRY_AFTER, wait.to_string())
    }
}
