//! The templates, compiled in, so that a worker needs no files.

use std::sync::LazyLock;

use anyhow::Context;
use handlebars::{Handlebars, RenderError, no_escape};
use jobs::notify::News;
use serde_json::Value;

macro_rules! pair {
    ($name:literal) => {
        (
            include_str!(concat!("../../../templates/mail/", $name, ".html.hbs")),
            include_str!(concat!("../../../templates/mail/", $name, ".txt.hbs")),
        )
    };
}

/// The HTML and the text of every news that is mailed: a news that was forgotten here does not compile.
fn pair(news: News) -> Option<(&'static str, &'static str)> {
    Some(match news {
        News::AccountRegistered => pair!("account_registered"),
        News::BookingConfirmed => pair!("booking_confirmed"),
        News::BookingCancelled => pair!("booking_cancelled"),
        News::BookingNoShow => pair!("booking_no_show"),
        News::BookingChanged => pair!("booking_changed"),
        News::BookingMoved => pair!("booking_moved"),
        News::ConflictUnresolved => pair!("conflict_unresolved"),
        News::ReturnDueSoon => pair!("return_due_soon"),
        News::ReturnOverdue => pair!("return_overdue"),
        News::CarOverdue => pair!("car_overdue"),
        News::OverdueEscalated => pair!("overdue_escalated"),
        News::ReturnReceived => pair!("return_received"),
        News::ReturnReported => pair!("return_reported"),
        News::DecisionDue => pair!("decision_due"),
        News::DecisionOverdue => pair!("decision_overdue"),
        News::ReturnCleared => pair!("return_cleared"),
        News::DamageConfirmed => pair!("damage_confirmed"),
        News::DamageUntold => pair!("damage_untold"),
        News::DamageDisputed => pair!("damage_disputed"),
        News::DamageSettled => pair!("damage_settled"),
        News::PhotosWanted => pair!("photos_wanted"),
        News::WaitlistJoined => pair!("waitlist_joined"),
        News::OfferMade => pair!("offer_made"),
        News::OfferReminder => pair!("offer_reminder"),
        News::OfferExpired => pair!("offer_expired"),
        News::OfferRevoked => pair!("offer_revoked"),
        News::FinalCall => pair!("final_call"),
        News::WaitlistLapsed => pair!("waitlist_lapsed"),
        News::WaitlistClosed => pair!("waitlist_closed"),
        News::OfferDeclined => return None,
    })
}

/// What several mails share.
const PARTIALS: [(&str, (&str, &str)); 10] = [
    ("decide", pair!("decide")),
    ("layout", pair!("layout")),
    ("rental", pair!("rental")),
    ("price", pair!("price")),
    ("overdue", pair!("overdue")),
    ("rows", pair!("rows")),
    ("sides", pair!("sides")),
    ("offer", pair!("offer")),
    ("answer", pair!("answer")),
    ("leave", pair!("leave")),
];

/// The mail that tells several reports at once.
const DIGEST: &str = "return_digest";

static HTML: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    // The default escape: whatever people typed stays text.
    registry(Handlebars::new(), |(html, _)| html)
});

static TEXT: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut text = Handlebars::new();
    text.register_escape_fn(no_escape);
    registry(text, |(_, text)| text)
});

fn registry(
    mut registry: Handlebars<'static>,
    half: fn((&'static str, &'static str)) -> &'static str,
) -> Handlebars<'static> {
    registry.set_strict_mode(true);
    let mails = News::ALL.iter().filter_map(|news| Some((news.as_str(), pair(*news)?)));
    for (name, pair) in mails.chain(PARTIALS).chain([(DIGEST, pair!("return_digest"))]) {
        registry.register_template_string(name, half(pair)).expect("the tests render every template");
    }
    registry
}

/// # Errors
/// When the template names what the document lacks.
pub(super) fn html(news: News, document: &Value) -> anyhow::Result<String> {
    html_of(news.as_str(), document)
}

/// # Errors
/// When the template names what the document lacks.
pub(super) fn text(news: News, document: &Value) -> anyhow::Result<String> {
    text_of(news.as_str(), document)
}

/// The HTML and the text of a digest.
///
/// # Errors
/// When the template names what the document lacks.
pub(super) fn digest(document: &Value) -> anyhow::Result<(String, String)> {
    Ok((html_of(DIGEST, document)?, text_of(DIGEST, document)?))
}

fn html_of(name: &str, document: &Value) -> anyhow::Result<String> {
    HTML.render(name, document).with_context(|| format!("the HTML of {name}"))
}

fn text_of(name: &str, document: &Value) -> anyhow::Result<String> {
    let text: Result<String, RenderError> = TEXT.render(name, document);
    Ok(tidy(&text.with_context(|| format!("the text of {name}"))?))
}

/// No spaces at the ends of lines and never two empty lines in a row.
fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if !(line.is_empty() && lines.last().is_none_or(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end().to_owned() + "\n"
}
