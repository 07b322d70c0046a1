use chrono::{DateTime, Utc};
use lettre::{
    Message,
    message::{
        Attachment as Part, Mailbox, MultiPart, SinglePart,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
};
use uuid::Uuid;

use super::Mailer;

/// What a mail says, as it was rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    pub subject: String,
    pub html: String,
    /// As complete as the HTML.
    pub text: String,
    /// JPEGs that the HTML shows.
    pub inline: Vec<Inline>,
    pub attachment: Option<Attachment>,
}

/// A picture inside the HTML, referred to as `cid:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inline {
    pub cid: String,
    pub file_name: String,
    pub jpeg: Vec<u8>,
}

/// A file that comes with the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    pub file_name: String,
    pub content_type: &'static str,
    pub body: String,
}

/// Who gets a mail, and its place among the others.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub to: Mailbox,
    /// The same for every try, without angle brackets.
    pub message_id: String,
    /// The ids of the mails before it in its thread, the oldest first.
    pub thread: Vec<String>,
    /// When it was asked for, so that a late try does not look like new.
    pub date: DateTime<Utc>,
    /// The damage case or the return that replies belong to.
    pub case: Option<Uuid>,
}

/// Tells other machines that no person wrote this (RFC 3834), so that none answers.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Makes one line of it that shows what it holds: no control characters, and
/// none of those that make text read in another order than it is written.
pub(crate) fn plain(words: &str) -> String {
    let shown = |c: &char| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    words.chars().filter(shown).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The whole mail with its headers, none of them made by joining text.
///
/// # Errors
/// When a part of it cannot stand in a mail.
pub(super) fn message(mailer: &Mailer, envelope: &Envelope, mail: &Mail) -> anyhow::Result<Message> {
    let bracketed = |id: &String| format!("<{id}>");
    let mut builder = Message::builder()
        .from(mailer.from().clone())
        .to(Mailbox::new(envelope.to.name.as_deref().map(plain), envelope.to.email.clone()))
        .subject(plain(&mail.subject))
        .date(envelope.date.into())
        .message_id(Some(bracketed(&envelope.message_id)))
        .header(AutoSubmitted);
    if let Some(parent) = envelope.thread.last() {
        let thread: Vec<String> = envelope.thread.iter().map(bracketed).collect();
        builder = builder.in_reply_to(bracketed(parent)).references(thread.join(" "));
    }
    if let Some(address) = envelope.case.and_then(|case| mailer.address(&format!("case+{case}"))) {
        builder = builder.reply_to(Mailbox::new(mailer.from().name.clone(), address));
    }
    Ok(builder.multipart(body(mail)?)?)
}

fn body(mail: &Mail) -> anyhow::Result<MultiPart> {
    let words = MultiPart::alternative().singlepart(SinglePart::plain(mail.text.clone()));
    let words = if mail.inline.is_empty() {
        words.singlepart(SinglePart::html(mail.html.clone()))
    } else {
        words.multipart(illustrated(mail)?)
    };
    let Some(attachment) = &mail.attachment else { return Ok(words) };
    let file = Part::new(attachment.file_name.clone())
        .body(attachment.body.clone(), ContentType::parse(attachment.content_type)?);
    Ok(MultiPart::mixed().multipart(words).singlepart(file))
}

fn illustrated(mail: &Mail) -> anyhow::Result<MultiPart> {
    let jpeg = ContentType::parse("image/jpeg")?;
    let html = MultiPart::related().singlepart(SinglePart::html(mail.html.clone()));
    Ok(mail.inline.iter().fold(html, |parts, picture| {
        let part = Part::new_inline_with_name(picture.cid.clone(), picture.file_name.clone());
        parts.singlepart(part.body(picture.jpeg.clone(), jpeg.clone()))
    }))
}
