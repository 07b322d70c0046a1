use std::sync::{Arc, LazyLock};

use base64::{Engine, prelude::BASE64_STANDARD};
use handlebars::Handlebars;
use poem::{
    EndpointExt, IntoResponse, Response, Route, Server, get, handler,
    http::{StatusCode, header},
    listener::TcpAcceptor,
    web::{Data, Html, Json, Path, Redirect},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    mail::{self, Mail},
    store::Store,
};

/// What a mail's own HTML may do: nothing but look as it was meant to and open
/// links in a new window. Pictures come with the mail or not at all.
const MAIL_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; \
     default-src 'none'; img-src data:; style-src 'unsafe-inline'";

static PAGES: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut pages = Handlebars::new();
    for (name, source) in
        [("layout", include_str!("layout.hbs")), ("list", include_str!("list.hbs")), ("mail", include_str!("mail.hbs"))]
    {
        pages.register_template_string(name, source).expect("the templates are part of the program");
    }
    pages
});

pub(super) async fn serve(listener: TcpListener, store: Arc<Store>) {
    let Ok(acceptor) = TcpAcceptor::from_tokio(listener) else {
        return;
    };
    let routes = Route::new()
        .at("/", get(to_list))
        .at("/dev/mail", get(show_list))
        .at("/dev/mail.json", get(send_list))
        .at("/dev/mail/:id", get(show_mail))
        .at("/dev/mail/:id/html", get(show_html))
        .at("/dev/mail/:id/raw", get(send_raw))
        .at("/dev/mail/:id/attachment/:index", get(send_attachment))
        .data(store);
    if let Err(error) = Server::new_with_acceptor(acceptor).run(routes).await {
        tracing::error!(%error, "the mail page ended");
    }
}

#[handler]
fn to_list() -> Redirect {
    Redirect::temporary("/dev/mail")
}

#[handler]
fn show_list(store: Data<&Arc<Store>>) -> Html<String> {
    let mails: Vec<Value> = newest_first(*store).iter().map(|mail| brief(mail)).collect();
    page("list", &json!({ "title": "Mail", "count": mails.len(), "mails": mails }))
}

#[handler]
fn send_list(store: Data<&Arc<Store>>) -> Json<Vec<Value>> {
    Json(newest_first(*store).iter().map(|mail| json!(**mail)).collect())
}

#[handler]
fn show_mail(store: Data<&Arc<Store>>, Path(id): Path<String>) -> Response {
    let Some(mail) = store.find(&id) else {
        return missing();
    };
    let mut facts = json!(*mail);
    facts["title"] = json!(mail.subject);
    facts["attachments"] = mail.attachments.iter().enumerate().map(link).collect();
    facts["headers"] = json!(mail.headers);
    page("mail", &facts).into_response()
}

#[handler]
fn show_html(store: Data<&Arc<Store>>, Path(id): Path<String>) -> Response {
    let found = store.find(&id).zip(store.raw(&id).ok());
    let Some((mail, raw)) = found else {
        return missing();
    };
    let base = r#"<!doctype html><base target="_blank">"#;
    Html(format!("{base}{}", with_pictures(&mail, &raw)))
        .with_header(header::CONTENT_SECURITY_POLICY, MAIL_POLICY)
        .into_response()
}

#[handler]
fn send_raw(store: Data<&Arc<Store>>, Path(id): Path<String>) -> Response {
    match store.raw(&id) {
        Ok(raw) => raw.with_content_type("text/plain; charset=utf-8").into_response(),
        Err(_) => missing(),
    }
}

#[handler]
fn send_attachment(store: Data<&Arc<Store>>, Path((id, index)): Path<(String, usize)>) -> Response {
    let found = store.find(&id).and_then(|mail| mail.attachments.get(index).cloned());
    let content = store.raw(&id).ok().and_then(|raw| mail::attachment(&raw, index));
    let (Some(found), Some(content)) = (found, content) else {
        return missing();
    };
    let name = found.filename.unwrap_or_else(|| format!("attachment-{index}"));
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_. ".contains(*c)).collect();
    content
        .with_content_type(found.content_type)
        .with_header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
        .with_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .into_response()
}

fn newest_first(store: &Store) -> Vec<Arc<Mail>> {
    let mut mails = store.mails();
    mails.reverse();
    mails
}

fn brief(mail: &Mail) -> Value {
    let text = mail.text.as_deref().unwrap_or_default();
    let start: String = text.chars().take(140).collect();
    json!({
        "id": mail.id,
        "subject": mail.subject,
        "from": mail.from,
        "to": mail.to.join(", "),
        "date": mail.date,
        "start": start,
        "attachments": mail.attachments.len(),
    })
}

fn link((index, attachment): (usize, &mail::Attachment)) -> Value {
    let mut facts = json!(attachment);
    facts["index"] = json!(index);
    facts["name"] = json!(attachment.filename.as_deref().unwrap_or("without a name"));
    facts["kilobytes"] = json!(attachment.size.div_ceil(1000));
    facts
}

/// The mail's HTML with the pictures that it carries put in place.
fn with_pictures(mail: &Mail, raw: &[u8]) -> String {
    let mut html = mail.html.clone().unwrap_or_default();
    for (index, picture) in mail.attachments.iter().enumerate() {
        let Some(id) = &picture.content_id else {
            continue;
        };
        let content = mail::attachment(raw, index).unwrap_or_default();
        let data = BASE64_STANDARD.encode(content);
        let data = format!("data:{};base64,{data}", picture.content_type);
        for quote in ['"', '\''] {
            html = html.replace(&format!("{quote}cid:{id}{quote}"), &format!("{quote}{data}{quote}"));
        }
    }
    html
}

fn page(name: &str, facts: &Value) -> Html<String> {
    let page = PAGES.render(name, facts);
    Html(page.unwrap_or_else(|error| format!("the page cannot be shown: {error}")))
}

fn missing() -> Response {
    StatusCode::NOT_FOUND.with_body("There is no such mail.").into_response()
}
