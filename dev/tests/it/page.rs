use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    bucket_and_inbox,
    inbox::{PATIENCE, PICTURE, report, send},
};

#[tokio::test]
async fn the_pages_show_a_mail_as_a_mail_program_does() {
    let (_data_dir, services) = bucket_and_inbox().await;
    send(&services, report()).await;
    let inbox = services.inbox().unwrap();
    let mail = inbox.wait_for(PATIENCE, |_| true).await.unwrap();
    let page = inbox.page_url();

    let list = text(page).await;
    assert!(list.contains("Return of F-C 1") && list.contains(&mail.id));
    let shown = text(&format!("{page}/{}", mail.id)).await;
    assert!(shown.contains("Message-ID: "));
    assert!(shown.contains("Two findings.") && shown.contains("booking.ics"));
    assert!(shown.contains("sandbox=\"allow-popups"));

    let html = reqwest::get(format!("{page}/{}/html", mail.id)).await.unwrap();
    let policy = html.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("sandbox") && !policy.contains("allow-scripts"));
    let picture = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(PICTURE));
    assert!(html.text().await.unwrap().contains(&picture));

    let file = reqwest::get(format!("{page}/{}/attachment/1", mail.id)).await.unwrap();
    let disposition = file.headers()["content-disposition"].to_str().unwrap();
    assert_eq!(disposition, "attachment; filename=\"booking.ics\"");
    let missing = reqwest::get(format!("{page}/no-such-mail")).await.unwrap();
    assert_eq!(missing.status(), 404);
    services.stop().await;
}

#[tokio::test]
async fn the_mails_are_there_as_json() {
    let (_data_dir, services) = bucket_and_inbox().await;
    send(&services, report()).await;
    let inbox = services.inbox().unwrap();
    let mail = inbox.wait_for(PATIENCE, |_| true).await.unwrap();

    let mails: Value = reqwest::get(format!("{}.json", inbox.page_url())).await.unwrap().json().await.unwrap();

    let expected = json!([{
        "id": mail.id,
        "from": "forecourt@example.com",
        "to": ["admin@example.com"],
        "subject": "Return of F-C 1: look at it – ü",
        "messageId": "job-1@example.com",
        "date": mail.date,
        "text": mail.text,
        "html": mail.html,
        "attachments": [
            {"filename": null, "contentType": "image/png", "contentId": "front", "size": PICTURE.len()},
            {"filename": "booking.ics", "contentType": "text/calendar", "contentId": null, "size": 15},
        ],
    }]);
    assert_eq!(mails, expected);
    services.stop().await;
}

async fn text(url: &str) -> String {
    let answer = reqwest::get(url).await.unwrap();
    assert!(answer.status().is_success(), "{url}");
    answer.text().await.unwrap()
}
