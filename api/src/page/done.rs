use poem::{Response, http::StatusCode};
use serde::Serialize;
use serde_json::json;

use super::{Frame, Page};

/// A page that tells how something ended, with nothing left to press.
#[derive(Default, Serialize)]
pub(crate) struct Done {
    /// `good`, `warn`, `bad` or `plain`.
    pub(crate) tone: &'static str,
    pub(crate) label: &'static str,
    pub(crate) heading: String,
    pub(crate) sentence: String,
    pub(crate) items: Vec<String>,
    pub(crate) note: Option<String>,
    /// That what was sent had no effect, with what was typed in it.
    pub(crate) unused: Option<String>,
    pub(crate) typed: Option<String>,
    /// Where to look again.
    pub(crate) again: Option<String>,
}

impl Done {
    pub(crate) fn show(&self, status: StatusCode) -> Response {
        Page::Done.show(status, Frame { title: &self.heading, aside: "" }, self)
    }
}

/// A page that only says something.
pub(crate) fn words(status: StatusCode, heading: &str, sentence: &str) -> Response {
    let content = json!({ "heading": heading, "sentence": sentence });
    Page::LinkDead.show(status, Frame { title: heading, aside: "" }, &content)
}
