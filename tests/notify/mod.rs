//! Who is told what: from an event to mails in an inbox.

mod browser;
mod change;
mod damage;
mod decision;
mod digest;
mod dispute;
mod evidence;
mod review;
mod story;

use jobs::notify::{News, SendMail};
use platform::link;
use story::{Story, mails_to};
use tests::services;
use tokio::net::TcpListener;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn every_active_admin_gets_one_mail_with_the_report() {
    let story = Story::new().await;
    story.photos().await;
    story.tell().await;
    story.announce(News::ReturnReported, story.rental_return).await;
    story.mailed(2).await;

    let [one, two, suspended] = story.admins;
    assert!(mails_to(suspended).await.is_empty());
    assert_eq!(mails_to(two).await.len(), 1);
    let mails = mails_to(one).await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(mail.subject, "[Return][REVIEW] T-1 VW Golf – 1 possible new mark");
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    assert!(mail.header("Reply-To").unwrap().contains(&format!("case+{}@example.com", story.rental_return)));
    assert_eq!(
        mail.message_id.as_ref().unwrap(),
        &format!("return_reported.{}.0.{one}@example.com", story.rental_return)
    );
    assert_eq!(mail.attachments.len(), 8);
    assert!(mail.attachments.iter().all(|picture| picture.content_type == "image/jpeg" && picture.size <= 60 * 1024));
    assert!(services().await.inbox().unwrap().raw(mail).unwrap().len() < 1_000_000);
    for picture in &mail.attachments {
        let cid = picture.content_id.as_ref().unwrap();
        assert!(mail.html.as_ref().unwrap().contains(&format!("cid:{cid}")), "{cid}");
    }
    let told = "select count(*) from notification where type = 'REVIEW' and not is_read";
    assert_eq!(story.bed.number(told).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_says_who_took_the_car_back_whoever_opened_the_return() {
    let story = Story::new().await;
    story.bed.run(&format!("update rental_return set completed_by = '{}'", story.admins[1])).await;
    story.tell().await;
    story.announce(News::ReturnReported, story.rental_return).await;
    story.mailed(2).await;
    let text = mails_to(story.admins[0]).await[0].text.clone().unwrap();
    assert!(text.contains("Returned by: staff (Kim"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_belongs_to_its_recipient_and_is_kept_as_a_hash() {
    let story = Story::new().await;
    story.tell().await;
    story.announce(News::ReturnReported, story.rental_return).await;
    story.mailed(2).await;

    for admin in &story.admins[..2] {
        let text = mails_to(*admin).await[0].text.clone().unwrap();
        let token = text.lines().find_map(|line| line.strip_prefix("http://localhost:8080/review/")).unwrap();
        let hash = hex::encode(link::hash(token));
        let found = format!(
            "select count(*) from link where hash = '\\x{hash}' and account_id = '{admin}' and scope = 'review'
             and subject_id = '{}' and used_at is null
             and expires_at between now() + interval '71 hours' and now() + interval '72 hours'",
            story.rental_return
        );
        assert_eq!(story.bed.number(&found).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_done_again_sends_nothing_more() {
    let story = Story::new().await;
    story.tell().await;
    story.announce(News::ReturnReceived, story.rental_return).await;
    story.mailed(1).await;

    let again = "update job set state = 'ready', finished_at = null where kind = 'send_mail'";
    story.bed.run(again).await;
    story.bed.until("select count(*) from job where outcome->'document'->>'skipped' = 'it was sent already'", 1).await;
    assert_eq!(mails_to(story.customer).await.len(), 1);
    assert_eq!(story.bed.number("select count(*) from delivery where state = 'sent'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_what_is_gone_or_no_longer_so_is_skipped() {
    let story = Story::new().await;
    story.tell().await;
    story.announce(News::BookingConfirmed, Uuid::now_v7()).await;
    story.bed.until("select count(*) from job where outcome->'document'->>'skipped' = 'the subject is gone'", 1).await;

    story.bed.run("update booking set status = 'Cancelled'").await;
    story.announce(News::BookingConfirmed, story.booking).await;
    story.bed.until("select count(*) from job where outcome->'document'->>'skipped' = 'it is no longer so'", 1).await;
    assert!(mails_to(story.customer).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_brings_a_calendar_file() {
    let story = Story::new().await;
    story.bed.run("update booking set status = 'Confirmed'").await;
    story.tell().await;
    story.announce(News::BookingConfirmed, story.booking).await;
    story.mailed(1).await;

    let mails = mails_to(story.customer).await;
    let file = &mails[0].attachments[0];
    assert_eq!((file.content_type.as_str(), file.filename.as_deref()), ("text/calendar", Some("BK-000001.ics")));
    assert_eq!(mails[0].header("Bcc"), None, "what a customer typed as a name starts no header");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_bounces_and_is_done() {
    let story = Story::new().await;
    story.bed.run(&format!("update account set email = 'nobody' where id = '{}'", story.customer)).await;
    story.tell().await;
    story.announce(News::ReturnReceived, story.rental_return).await;
    story.mailed(1).await;
    assert_eq!(
        story.bed.number("select count(*) from delivery where state = 'bounced' and detail is not null").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_waits_for_a_server_that_is_away_and_then_goes_once() {
    let story = Story::new().await;
    story.announce(News::ReturnReceived, story.rental_return).await;
    let away = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", away.local_addr().unwrap());
    drop(away);
    let stop = story.tell_through(&url, 2).await;
    story.bed.until("select count(*) from job where kind = 'send_mail' and error is not null", 1).await;
    assert_eq!(story.bed.number("select count(*) from delivery").await, 0);

    stop.cancel();
    story.tell().await;
    story.mailed(1).await;
    assert_eq!(mails_to(story.customer).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_holds_up_nothing_else() {
    let story = Story::new().await;
    let stalled = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", stalled.local_addr().unwrap());
    story.tell_through(&url, 4).await;
    for turn in 0..8 {
        let (news, subject_id) = (News::ReturnReceived, story.rental_return);
        story.ask(&SendMail { news, subject_id, turn, account_id: story.customer }).await;
    }
    let _open: Vec<_> = [stalled.accept().await, stalled.accept().await, stalled.accept().await].into();

    story.announce(News::ReturnReported, story.rental_return).await;
    story.bed.until("select count(*) from job where kind = 'announce' and state = 'done'", 1).await;
    assert_eq!(story.bed.number("select count(*) from delivery").await, 0);
}
