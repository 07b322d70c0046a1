//! The few HTML pages: templates compiled in, escaped, and sent with headers that
//! forbid scripts, framing, caching and referrers.

mod done;

use std::sync::OnceLock;

use base64::{Engine, prelude::BASE64_STANDARD};
use handlebars::Handlebars;
use poem::{
    IntoResponse, Response,
    http::{StatusCode, header},
    web::Html,
};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) use done::{Done, words};

/// A page by its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Review,
    Damage,
    Offer,
    Waitlist,
    Done,
    LinkDead,
    Ops,
    OpsLogin,
}

const STYLE: &str = include_str!("../../templates/page/style.css");

impl Page {
    const ALL: [Self; 8] = [
        Self::Review,
        Self::Damage,
        Self::Offer,
        Self::Waitlist,
        Self::Done,
        Self::LinkDead,
        Self::Ops,
        Self::OpsLogin,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Damage => "damage",
            Self::Offer => "offer",
            Self::Waitlist => "waitlist",
            Self::Done => "done",
            Self::LinkDead => "link_dead",
            Self::Ops => "ops",
            Self::OpsLogin => "ops_login",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::Review => include_str!("../../templates/page/review.hbs"),
            Self::Damage => include_str!("../../templates/page/damage.hbs"),
            Self::Offer => include_str!("../../templates/page/offer.hbs"),
            Self::Waitlist => include_str!("../../templates/page/waitlist.hbs"),
            Self::Done => include_str!("../../templates/page/done.hbs"),
            Self::LinkDead => include_str!("../../templates/page/link_dead.hbs"),
            Self::Ops => include_str!("../../templates/page/ops.hbs"),
            Self::OpsLogin => include_str!("../../templates/page/ops_login.hbs"),
        }
    }

    /// A link from a mail is a secret in the address bar, so such a page tells nobody where it was.
    fn referrer(self) -> &'static str {
        match self {
            Self::Review | Self::Damage | Self::Offer | Self::Waitlist | Self::Done | Self::LinkDead => "no-referrer",
            Self::Ops | Self::OpsLogin => "same-origin",
        }
    }

    /// The page with everything a browser must know of it. `title` and `aside` belong to the frame around it.
    pub(crate) fn show(self, status: StatusCode, frame: Frame<'_>, content: &impl Serialize) -> Response {
        match self.html(frame, content) {
            Ok(html) => self.respond(status, html),
            Err(error) => {
                tracing::error!(page = self.name(), %error, "page was not rendered");
                let words = "Something went wrong on our side. Please try again in a minute.".to_owned();
                self.respond(StatusCode::INTERNAL_SERVER_ERROR, words)
            }
        }
    }

    /// # Errors
    /// When the content lacks something that the template shows.
    pub(crate) fn html(self, frame: Frame<'_>, content: &impl Serialize) -> Result<String, anyhow::Error> {
        let mut data = serde_json::to_value(content)?;
        let Value::Object(map) = &mut data else { anyhow::bail!("the content of a page is an object") };
        map.insert("title".to_owned(), frame.title.into());
        map.insert("aside".to_owned(), frame.aside.into());
        map.insert("narrow".to_owned(), (!matches!(self, Self::Review | Self::Damage | Self::Ops)).into());
        map.insert("referrer".to_owned(), self.referrer().into());
        map.insert("style".to_owned(), STYLE.into());
        Ok(registry().render(self.name(), &data)?)
    }

    fn respond(self, status: StatusCode, html: String) -> Response {
        Html(html)
            .with_status(status)
            .with_header(header::CONTENT_SECURITY_POLICY, policy())
            .with_header(header::REFERRER_POLICY, self.referrer())
            .with_header(header::CACHE_CONTROL, "no-store")
            .with_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .with_header("X-Robots-Tag", "noindex, nofollow")
            .with_header("Cross-Origin-Opener-Policy", "same-origin")
            .into_response()
    }
}

/// What stands around the content of a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) title: &'a str,
    /// In the upper right corner.
    pub(crate) aside: &'a str,
}

/// What several pages share.
const PARTIALS: [(&str, &str); 3] = [
    ("layout", include_str!("../../templates/page/layout.hbs")),
    ("no_enter", include_str!("../../templates/page/no_enter.hbs")),
    ("pair", include_str!("../../templates/page/pair.hbs")),
];

fn registry() -> &'static Handlebars<'static> {
    static REGISTRY: OnceLock<Handlebars<'static>> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let mut handlebars = Handlebars::new();
        handlebars.set_strict_mode(true);
        let pages = Page::ALL.map(|page| (page.name(), page.source()));
        for (name, source) in pages.into_iter().chain(PARTIALS) {
            handlebars.register_template_string(name, source).expect("a test parses every template");
        }
        handlebars
    })
}

/// Nothing may be loaded but our own pictures, the empty icon and this very style sheet, named by its hash.
fn policy() -> &'static str {
    static POLICY: OnceLock<String> = OnceLock::new();
    POLICY.get_or_init(|| {
        let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
        format!(
            "default-src 'none'; style-src 'sha256-{style}'; img-src 'self' data:; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses() {
        assert_eq!(registry().get_templates().len(), Page::ALL.len() + PARTIALS.len());
    }

    #[test]
    fn what_people_typed_is_escaped_and_a_missing_value_is_an_error() {
        let frame = Frame { title: "<script>", aside: "" };
        let content = serde_json::json!({ "heading": "<b>", "sentence": "\"&" });
        let html = Page::LinkDead.html(frame, &content).expect("it is complete");
        assert!(html.contains("&lt;script&gt;") && html.contains("&lt;b&gt;") && html.contains("&quot;&amp;"));
        assert!(Page::LinkDead.html(frame, &serde_json::json!({ "heading": "" })).is_err());
    }
}
