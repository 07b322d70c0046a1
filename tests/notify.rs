//! Who is told what: from an event to mails in an inbox.

use std::{sync::Arc, time::Duration};

use dev::{
    Mail,
    picture::{Scene, Side},
};
use jobs::{
    Job, NewJob, Queue, ledger,
    notify::{Announce, News, SendMail},
};
use platform::{Bucket, link};
use rules::rental::{Occasion, Slot};
use serde_json::json;
use tests::{Bed, bed, services};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workers::{Context, Mailer, Pool, vision::derivative::derive};

/// One returned car, its renter and three admins, one of whom is suspended.
struct Story {
    bed: Bed,
    customer: Uuid,
    admins: [Uuid; 3],
    booking: Uuid,
    rental_return: Uuid,
}

fn address(account: Uuid) -> String {
    format!("{account}@example.com")
}

/// The mails to an account that are here by now.
async fn mails_to(account: Uuid) -> Vec<Arc<Mail>> {
    let mails = services().await.inbox().unwrap().mails();
    mails.into_iter().filter(|mail| mail.to.contains(&address(account))).collect()
}

impl Story {
    async fn new() -> Self {
        let story = Self {
            bed: bed().await,
            customer: Uuid::now_v7(),
            admins: [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()],
            booking: Uuid::now_v7(),
            rental_return: Uuid::now_v7(),
        };
        story.people().await;
        story.rental().await;
        story
    }

    async fn people(&self) {
        let [one, two, suspended] = self.admins;
        let people = [(self.customer, "customer"), (one, "admin"), (two, "admin"), (suspended, "admin")];
        for (id, role) in people {
            let sql = format!(
                "insert into account (id, email, name, phone, password_hash, role)
                 values ('{id}', '{}', E'Kim\\r\\nBcc: all@example.com', '+49 30 1234567', '-', '{role}')",
                address(id)
            );
            self.bed.run(&sql).await;
        }
        self.bed.run(&format!("update account set suspended_at = now() where id = '{suspended}'")).await;
    }

    async fn rental(&self) {
        let Self { customer, booking, rental_return, .. } = self;
        let car = Uuid::now_v7();
        let branch = "00000000-0000-7000-8000-000000000001";
        self.bed
            .run(&format!(
                "insert into car (id, plate, make, model, year, category, seats, fuel_type, price_per_day, currency, branch_id)
                 values ('{car}', 'T-1', 'VW', 'Golf', 2024, 'compact', 5, 'petrol', 5000, 'EUR', '{branch}');
                 insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status,
                                      quote, total, currency, plate, odometer_out_km, fuel_out)
                 values ('{booking}', 'BK-000001', '{car}', '{customer}', '{branch}', now() - interval '2 days', now(),
                         'Europe/Berlin', 'Returned', '{{}}', 10000, 'EUR', 'T-1', 1000, 1);
                 insert into rental_return (id, booking_id, car_id, state, opened_by, returned_at, odometer_km, fuel,
                                            late_minutes, report, decision_due_at)
                 values ('{rental_return}', '{booking}', '{car}', 'reported', '{customer}', now(), 1650, 0.5, 0,
                         '{{\"findings\": [], \"warnings\": [], \"notAnalysed\": null, \"model\": null}}',
                         now() + interval '4 hours')"
            ))
            .await;
    }

    /// Photos of every side at both ends, and a scratch that the model saw on the left.
    async fn photos(&self) -> Uuid {
        let bucket = Bucket::new(&self.bed.settings.bucket);
        let mut scratched = Uuid::nil();
        for (occasion, seed) in [(Occasion::Pickup, 1), (Occasion::Return, 2)] {
            for (slot, side) in Slot::ALL.iter().zip([Side::Front, Side::Back, Side::Left, Side::Right]) {
                let (id, key) = (Uuid::now_v7(), format!("derivative/{}", Uuid::now_v7()));
                let copy = derive(&Scene::new(side, seed).jpeg()).unwrap().swap_remove(1);
                bucket.put(&key, "image/jpeg", copy.jpeg).await.unwrap();
                self.bed.run(&self.photo_sql(id, occasion, *slot, &key)).await;
                if (occasion, *slot) == (Occasion::Return, Slot::Left) {
                    scratched = id;
                }
            }
        }
        let finding = json!({
            "number": 1, "photoId": scratched, "side": "left", "class": "scratch", "score": 0.71,
            "region": { "x": 0.55, "y": 0.5, "width": 0.12, "height": 0.1 },
            "novelty": "new", "reason": "neither the pick-up photo nor the register shows it",
            "suggestedSeverity": "minor",
        });
        let report = json!({ "findings": [finding], "warnings": [], "notAnalysed": null, "model": null });
        self.bed.run(&format!("update rental_return set report = '{report}'")).await;
        scratched
    }

    fn photo_sql(&self, id: Uuid, occasion: Occasion, slot: Slot, key: &str) -> String {
        let Self { booking, customer, .. } = self;
        format!(
            "insert into photo (id, booking_id, car_id, occasion, slot, version, state, object_key, uploaded_by)
             select '{id}', '{booking}', car_id, '{occasion}', '{slot}', 1, 'accepted', 'original/{id}', '{customer}'
             from booking where id = '{booking}';
             insert into derivative (photo_id, variant, object_key, width, height, size, source_sha256)
             values ('{id}', '640', '{key}', 640, 480, 1, '\\x00')"
        )
    }

    /// A pool that sends to this server, until its token is cancelled.
    async fn tell_through(&self, smtp_url: &str, concurrency: usize) -> CancellationToken {
        let mut context = Context::start(self.bed.settings.clone()).await.unwrap();
        context.mailer = Some(Mailer::start(smtp_url, "Forecourt <rental@example.com>", concurrency).unwrap());
        let (stop, grace) = (self.bed.stop.child_token(), Duration::from_secs(1));
        let (context, registry) = (Arc::new(context), workers::registry());
        tokio::spawn(Pool::serve(Queue::Notify, concurrency, context, registry, stop.clone(), grace));
        stop
    }

    async fn tell(&self) {
        self.tell_through(&services().await.smtp_url(), 8).await;
    }

    async fn ask(&self, asked: &impl Job) -> Uuid {
        let asked = NewJob::new(asked);
        ledger::accept(&self.bed.db, &asked).await.unwrap();
        asked.id
    }

    async fn announce(&self, news: News, subject_id: Uuid) -> Uuid {
        self.ask(&Announce { news, subject_id, turn: 0 }).await
    }

    async fn mailed(&self, count: i64) {
        self.bed.until("select count(*) from job where kind = 'send_mail' and state = 'done'", count).await;
    }
}

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

    let again = "update job set state = 'ready', finished_at = null, dispatched_at = null where kind = 'send_mail'";
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
