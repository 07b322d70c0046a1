use std::time::Instant;

use chrono::DateTime;
use mail_parser::{MessageParser, MimeHeaders};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use uuid::Uuid;

use super::*;

fn mailer(url: &str) -> Mailer {
    Mailer::start(url, "Forecourt <rental@example.com>", 16).unwrap()
}

fn envelope() -> Envelope {
    Envelope {
        to: Mailbox::new(None, "customer@example.com".parse().unwrap()),
        message_id: "booking_cancelled.1.0.2@example.com".to_owned(),
        thread: vec!["booking_confirmed.1.0.2@example.com".to_owned()],
        date: DateTime::from_timestamp(1_777_888_999, 0).unwrap(),
        case: None,
    }
}

fn mail(subject: &str) -> Mail {
    Mail {
        subject: subject.to_owned(),
        html: "<p>Grüße</p>".to_owned(),
        text: "Grüße\nfrom\n.\nthe house".to_owned(),
        inline: vec![],
        attachment: None,
    }
}

/// A mail server that answers every command with what `answer` says; the content gets its answer as `.`.
async fn server(answer: fn(&str) -> &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                write.write_all(b"220 ready\r\n").await?;
                let mut content = false;
                while let Some(line) = lines.next_line().await? {
                    if content && line != "." {
                        continue;
                    }
                    content = line == "DATA" && answer("DATA").starts_with('3');
                    write.write_all(format!("{}\r\n", answer(&line)).as_bytes()).await?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    url
}

fn willing(line: &str) -> &'static str {
    if line == "DATA" { "354 go on" } else { "250 fine" }
}

#[tokio::test]
async fn a_mail_that_the_server_takes_is_accepted_and_the_connection_kept() {
    let mailer = mailer(&server(willing).await);
    assert_eq!(mailer.send(&envelope(), &mail("One")).await.unwrap(), Sent::Accepted);
    assert_eq!(mailer.send(&envelope(), &mail("Two")).await.unwrap(), Sent::Accepted);
    assert_eq!(mailer.resting.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_recipient_who_does_not_exist_bounces_with_the_words_of_the_server() {
    let url = server(|line| if line.starts_with("RCPT") { "550 no such user" } else { willing(line) }).await;
    let Sent::Bounced(words) = mailer(&url).send(&envelope(), &mail("One")).await.unwrap() else { panic!("accepted") };
    assert!(words.contains("no such user"), "{words}");
}

#[tokio::test]
async fn later_and_a_refusal_of_the_sender_are_tried_again() {
    let later = server(|line| if line.starts_with("RCPT") { "451 later" } else { willing(line) }).await;
    let sender = server(|line| if line.starts_with("MAIL") { "550 not you" } else { willing(line) }).await;
    for url in [later, sender, "smtp://127.0.0.1:1".to_owned()] {
        assert!(mailer(&url).send(&envelope(), &mail("One")).await.is_err(), "{url}");
    }
}

#[tokio::test]
async fn only_what_concerns_the_recipient_or_the_mail_bounces() {
    let bounces =
        async |answer: fn(&str) -> &'static str| mailer(&server(answer).await).send(&envelope(), &mail("One")).await;
    let policy: [fn(&str) -> &'static str; 5] = [
        |line| if line.starts_with("RCPT") { "530 5.7.0 authentication required" } else { willing(line) },
        |line| if line.starts_with("RCPT") { "554 5.7.1 relay access denied" } else { willing(line) },
        |line| if line == "DATA" { "550 5.7.1 not from there" } else { willing(line) },
        |line| if line == "." { "554 this looks like spam" } else { willing(line) },
        |line| if line.starts_with("RCPT") { "553 5.1.8 no such sender" } else { willing(line) },
    ];
    for (place, answer) in policy.into_iter().enumerate() {
        assert!(bounces(answer).await.is_err(), "{place}: it is tried again");
    }
    let for_good: [fn(&str) -> &'static str; 4] = [
        |line| if line.starts_with("RCPT") { "550 5.1.1 no such user" } else { willing(line) },
        |line| if line.starts_with("RCPT") { "554 5.2.1 mailbox disabled" } else { willing(line) },
        |line| if line == "." { "552 5.3.4 too big" } else { willing(line) },
        |line| if line == "." { "552 too big" } else { willing(line) },
    ];
    for (place, answer) in for_good.into_iter().enumerate() {
        assert!(matches!(bounces(answer).await, Ok(Sent::Bounced(_))), "{place}");
    }
}

#[tokio::test]
async fn a_conversation_that_was_given_up_is_never_resumed() {
    let url = server(|line| if line == "." { "250 too late" } else { willing(line) }).await;
    let mailer = mailer(&url);
    let (envelope, mail) = (envelope(), mail("One"));
    // Polled once and dropped: somewhere between connecting and the last reply.
    let sending = tokio::time::timeout(Duration::ZERO, mailer.send(&envelope, &mail));
    assert!(sending.await.is_err());
    assert!(mailer.resting.lock().unwrap().is_empty());
}

#[tokio::test]
async fn when_all_turns_are_taken_a_job_is_put_off_after_a_moment() {
    let mailer = Mailer::start("smtp://127.0.0.1:1", "rental@example.com", 4).unwrap();
    let taken = [mailer.turn().await, mailer.turn().await, mailer.turn().await];
    assert!(taken.iter().all(Option::is_some));
    let began = Instant::now();
    assert!(mailer.turn().await.is_none(), "a quarter of the pool stays free of mail");
    assert!(began.elapsed() < PATIENCE * 3);
}

#[test]
fn a_mail_says_who_wrote_it_and_where_it_belongs() {
    let mailer = mailer("smtp://127.0.0.1:1");
    let case = Uuid::from_u128(9);
    let picture = Inline { cid: "left@example.com".into(), file_name: "left.jpg".into(), jpeg: vec![1, 2, 3] };
    let calendar = Attachment {
        file_name: "BK-1.ics".into(),
        content_type: "text/calendar; method=PUBLISH; charset=utf-8",
        body: "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n".into(),
    };
    let mail = Mail { inline: vec![picture], attachment: Some(calendar), ..mail("Grüße") };
    let bytes = letter::message(&mailer, &Envelope { case: Some(case), ..envelope() }, &mail).unwrap().formatted();

    let parsed = MessageParser::default().parse(&bytes).unwrap();
    let header = |name: &str| parsed.header_raw(name).unwrap_or_default().trim().to_owned();
    assert_eq!(header("Message-ID"), "<booking_cancelled.1.0.2@example.com>");
    assert_eq!(header("In-Reply-To"), "<booking_confirmed.1.0.2@example.com>");
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    assert!(header("Reply-To").contains(&format!("case+{case}@example.com")));
    assert_eq!(parsed.subject(), Some("Grüße"));
    assert_eq!(parsed.date().unwrap().to_timestamp(), 1_777_888_999);
    assert!(parsed.body_text(0).unwrap().starts_with("Grüße"));
    let attachments: Vec<_> = parsed.attachments().collect();
    assert_eq!(attachments[0].content_id(), Some("left@example.com"));
    let method = attachments[1].content_type().unwrap().attribute("method");
    assert_eq!((attachments[1].attachment_name(), method), (Some("BK-1.ics"), Some("PUBLISH")));
    assert!(bytes.is_ascii(), "no server needs 8BITMIME for it");
}

#[test]
fn nothing_that_a_customer_typed_starts_a_header() {
    let mailer = mailer("smtp://127.0.0.1:1");
    let names = ["Eve\r\nBcc: all@example.com", "a\tb\0c\u{7f}", "\"x\\\" <y@example.com>,", "  ", "Žofie 🚗 نور", ""];
    for name in names.map(str::to_owned).into_iter().chain(["ä".repeat(2_000)]) {
        let to = Mailbox::new(Some(name.clone()), "customer@example.com".parse().unwrap());
        let mail = mail(&format!("Hello {name}\r\nBcc: all@example.com\r\n\r\nbody"));
        let bytes = letter::message(&mailer, &Envelope { to, ..envelope() }, &mail).unwrap().formatted();
        let parsed = MessageParser::default().parse(&bytes).unwrap();
        assert!(parsed.bcc().is_none(), "{}", String::from_utf8_lossy(&bytes));
        let to: Vec<_> = parsed.to().unwrap().iter().filter_map(|to| to.address()).collect();
        assert_eq!(to, ["customer@example.com"], "{name}");
        assert!(parsed.header_raw("Auto-Submitted").is_some(), "{name}");
    }
}

#[test]
fn wrong_settings_of_the_mail_are_all_named() {
    assert!(Mailer::start("smtp://x", "nobody", 1).is_err());
    assert!(Mailer::start("mailto:x", "rental@example.com", 1).is_err());
}
