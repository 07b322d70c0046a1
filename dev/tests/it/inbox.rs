use std::time::Duration;

use dev::{Inbox, Services};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Attachment, MultiPart, SinglePart, header::ContentType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{bucket_and_inbox, without_databases};

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const PICTURE: &[u8] = b"\x89PNG and so on";

#[tokio::test]
async fn a_mail_arrives_whole_and_is_still_there_after_a_restart() {
    let (data_dir, services) = bucket_and_inbox().await;
    send(&services, report()).await;

    let mail = services.inbox().unwrap().wait_for(PATIENCE, |_| true).await.unwrap();
    assert_eq!(mail.from, "forecourt@example.com");
    assert_eq!(mail.to, ["admin@example.com"]);
    assert_eq!(mail.subject, "Return of F-C 1: look at it – ü");
    assert_eq!(mail.message_id.as_deref(), Some("job-1@example.com"));
    assert!(mail.date.is_some());
    assert_eq!(mail.text.as_deref(), Some("Two findings.\r\n.\r\n..and a dot"));
    assert!(mail.html.as_deref().unwrap().contains("cid:front"));
    let parts: Vec<_> = mail.attachments.iter().map(|part| &*part.content_type).collect();
    assert_eq!(parts, ["image/png", "text/calendar"]);
    assert_eq!(mail.attachments[0].content_id.as_deref(), Some("front"));
    assert_eq!(mail.attachments[0].size, PICTURE.len());
    assert_eq!(mail.attachments[1].filename.as_deref(), Some("booking.ics"));
    assert_eq!(services.inbox().unwrap().attachment(&mail, 0).unwrap(), PICTURE);
    assert_eq!(mail.header("auto-submitted"), None);

    services.stop().await;
    drop(services);
    let again = Services::start(&data_dir, without_databases()).await.unwrap();
    let kept = again.inbox().unwrap().mails();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].id, mail.id);
    again.stop().await;
}

#[tokio::test]
async fn a_hundred_senders_at_once_are_all_heard() {
    let (_data_dir, services) = bucket_and_inbox().await;
    let smtp = services.smtp_url();

    let senders = (0..100).map(|n| {
        let smtp = smtp.clone();
        tokio::spawn(async move {
            let mail = note().subject(format!("note {n}")).body(String::new()).unwrap();
            transport(&smtp).send(mail).await.unwrap();
        })
    });
    futures::future::try_join_all(senders).await.unwrap();

    // Each sender got its 250, so every mail is already here.
    assert_eq!(services.inbox().unwrap().mails().len(), 100);
    services.stop().await;
}

#[tokio::test]
async fn the_protocol_is_spoken_command_by_command() {
    let (_data_dir, services) = bucket_and_inbox().await;
    let inbox = services.inbox().unwrap();

    let said = talk(
        inbox,
        "EHLO me\r\nRCPT TO:<a@example.com>\r\nMAIL FROM:<>\r\nDATA\r\n\
         RCPT TO:<a@example.com>\r\nRSET\r\nNOOP\r\nNONSENSE\r\n\
         MAIL FROM:<b@example.com> SIZE=99999999\r\n\
         MAIL FROM:<b@example.com> BODY=8BITMIME\r\nRCPT TO:<a@example.com>\r\n\
         RCPT TO:<c@example.com>\r\nDATA\r\n..first line\r\n.\r\n\
         MAIL FROM:<b@example.com>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n.\r\nQUIT\r\n",
    )
    .await;

    let codes: Vec<&str> = said.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect();
    let expected = "220 250 503 250 503 250 250 250 500 552 250 250 250 354 250 250 250 354 250 221";
    assert_eq!(codes.join(" "), expected, "{said}");
    let mails = inbox.mails();
    assert_eq!(mails[0].to, ["a@example.com", "c@example.com"]);
    assert!(inbox.raw(&mails[0]).unwrap().ends_with(b"\r\n.first line\r\n"));
    assert_eq!(mails[1].to, ["a@example.com"]);
    services.stop().await;
}

async fn talk(inbox: &Inbox, commands: &str) -> String {
    let address = inbox.smtp_url().trim_start_matches("smtp://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(commands.as_bytes()).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    said
}

pub(crate) async fn send(services: &Services, mail: Message) {
    transport(&services.smtp_url()).send(mail).await.unwrap();
}

fn transport(url: &str) -> AsyncSmtpTransport<Tokio1Executor> {
    AsyncSmtpTransport::<Tokio1Executor>::from_url(url).unwrap().build()
}

fn note() -> lettre::message::MessageBuilder {
    Message::builder()
        .from("Forecourt <forecourt@example.com>".parse().unwrap())
        .to("Admin <admin@example.com>".parse().unwrap())
}

/// A mail with everything that Forecourt's own have.
pub(crate) fn report() -> Message {
    let html = "<p onclick=\"alert(1)\">Two findings.</p><img src=\"cid:front\">";
    let picture = Attachment::new_inline("front".to_owned());
    let calendar = Attachment::new("booking.ics".to_owned());
    let body = MultiPart::alternative()
        .singlepart(SinglePart::plain("Two findings.\r\n.\r\n..and a dot".to_owned()))
        .multipart(
            MultiPart::related()
                .singlepart(SinglePart::html(html.to_owned()))
                .singlepart(picture.body(PICTURE.to_vec(), ContentType::parse("image/png").unwrap())),
        );
    let event = calendar.body("BEGIN:VCALENDAR".to_owned(), ContentType::parse("text/calendar").unwrap());
    note()
        .message_id(Some("<job-1@example.com>".to_owned()))
        .subject("Return of F-C 1: look at it – ü")
        .multipart(MultiPart::mixed().multipart(body).singlepart(event))
        .unwrap()
}
