use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use serde::Serialize;

/// One mail as it was received.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    /// Given on arrival; sorts by it.
    pub id: String,
    /// The address in the `From` header.
    pub from: String,
    /// The addresses it was delivered to, whether or not a header names them.
    pub to: Vec<String>,
    pub subject: String,
    /// Without the angle brackets.
    pub message_id: Option<String>,
    /// RFC 3339, from the `Date` header.
    pub date: Option<String>,
    pub text: Option<String>,
    /// As sent: images are still `cid:` references to attachments.
    pub html: Option<String>,
    pub attachments: Vec<Attachment>,
    /// Every header line, unfolded, in order.
    #[serde(skip)]
    pub headers: Vec<(String, String)>,
}

/// What a mail carries besides its text, inline images included.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    pub filename: Option<String>,
    /// With its parameters left out, such as `image/jpeg`.
    pub content_type: String,
    /// Without the angle brackets.
    pub content_id: Option<String>,
    /// In bytes, decoded.
    pub size: usize,
}

impl Mail {
    /// The value of the first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Never fails: what cannot be read of a mail is left empty.
    pub(super) fn parse(id: &str, raw: &[u8]) -> Self {
        let message = MessageParser::default().parse(raw).unwrap_or_default();
        let headers = headers(&message);
        let delivered = headers.iter().filter(|(name, _)| name == "Delivered-To");
        Self {
            id: id.to_owned(),
            from: sender(message.from()),
            to: delivered.map(|(_, to)| to.clone()).collect(),
            subject: message.subject().unwrap_or_default().to_owned(),
            message_id: message.message_id().map(str::to_owned),
            date: message.date().map(mail_parser::DateTime::to_rfc3339),
            text: message.text_bodies().find_map(text),
            html: message.html_bodies().find_map(html),
            attachments: message.attachments().map(Attachment::of).collect(),
            headers,
        }
    }
}

impl Attachment {
    fn of(part: &MessagePart<'_>) -> Self {
        Self {
            filename: part.attachment_name().map(str::to_owned),
            content_type: content_type(part),
            content_id: part.content_id().map(str::to_owned),
            size: part.contents().len(),
        }
    }
}

/// The decoded bytes of one attachment of a raw mail.
pub(super) fn attachment(raw: &[u8], index: usize) -> Option<Vec<u8>> {
    let message = MessageParser::default().parse(raw)?;
    let part = message.attachments().nth(index)?;
    Some(part.contents().to_vec())
}

fn headers(message: &Message<'_>) -> Vec<(String, String)> {
    let unfolded = |value: &str| value.split_whitespace().collect::<Vec<_>>().join(" ");
    if message.parts.is_empty() {
        return Vec::new();
    }
    message.headers_raw().map(|(name, value)| (name.to_owned(), unfolded(value))).collect()
}

fn sender(from: Option<&Address<'_>>) -> String {
    let address = from.and_then(Address::first).and_then(|one| one.address());
    address.unwrap_or_default().to_owned()
}

fn text(part: &MessagePart<'_>) -> Option<String> {
    match &part.body {
        PartType::Text(text) => Some(text.clone().into_owned()),
        _ => None,
    }
}

fn html(part: &MessagePart<'_>) -> Option<String> {
    match &part.body {
        PartType::Html(html) => Some(html.clone().into_owned()),
        _ => None,
    }
}

fn content_type(part: &MessagePart<'_>) -> String {
    let Some(found) = part.content_type() else {
        return "application/octet-stream".to_owned();
    };
    let kind = found.c_type.to_ascii_lowercase();
    match &found.c_subtype {
        Some(subtype) => format!("{kind}/{}", subtype.to_ascii_lowercase()),
        None => kind,
    }
}
