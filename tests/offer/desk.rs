//! A house with a queue at its counter: a front, the pools behind it, and mails that really arrive.

use std::{sync::Arc, time::Duration};

use dev::Mail;
use jobs::Queue;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{
    Bed, House,
    house::{Answer, Person, noon, send, text},
    services,
};
use uuid::Uuid;
use workers::{Context, Mailer, Pool};

const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Desk {
    pub(super) house: House,
    pub(super) admin: Person,
    pub(super) car: Uuid,
}

impl Desk {
    /// One car, and nobody who has it.
    pub(super) async fn open() -> Self {
        Self::on(tests::bed().await).await
    }

    /// The same on a bed that a test has made.
    pub(super) async fn on(bed: Bed) -> Self {
        for queue in [Queue::Booking, Queue::Waitlist] {
            bed.work(queue, workers::registry()).await;
        }
        let house = House::on(bed).await;
        let bed = &house.bed;
        let mut context = Context::start(bed.settings.clone()).await.unwrap();
        let smtp_url = services().await.smtp_url();
        context.mailer = Some(Mailer::start(&smtp_url, "Forecourt <rental@example.com>", 8).unwrap());
        let (stop, grace) = (bed.stop.child_token(), Duration::from_secs(1));
        tokio::spawn(Pool::serve(Queue::Notify, 8, Arc::new(context), workers::registry(), stop, grace));
        let admin = house.staff("admin").await;
        let car = house.car(&admin).await;
        Self { house, admin, car }
    }

    /// Somebody has the car for the day after `day`; their booking's path.
    pub(super) async fn taken(&self, day: i64) -> (Person, String) {
        let person = self.house.customer().await;
        let booked = self.house.book(&person, self.car, day).await;
        assert_eq!(booked.status, 201, "{booked:?}");
        (person, format!("/api/v1/bookings/{}", text(&booked.body, "id")))
    }

    /// A new customer who waits for the same day; with the entry.
    pub(super) async fn waiting(&self, day: i64) -> (Person, Value) {
        let person = self.house.customer().await;
        let joined = self.house.post("/api/v1/waitlist", Some(&person), wish(self.car, day)).await;
        assert_eq!(joined.status, 201, "{joined:?}");
        (person, joined.body)
    }

    pub(super) async fn cancel(&self, (person, path): &(Person, String)) {
        let cancelled = self.house.post(&format!("{path}/cancel"), Some(person), json!({})).await;
        assert_eq!(cancelled.status, 200, "{cancelled:?}");
    }

    /// The entry as its owner sees it.
    pub(super) async fn entry(&self, person: &Person, entry: &Value) -> Value {
        let shown = self.house.get(&format!("/api/v1/waitlist/{}", text(entry, "id")), Some(person)).await;
        assert_eq!(shown.status, 200, "{shown:?}");
        shown.body
    }

    /// Waits until somebody has an offer, and shows it.
    pub(super) async fn offer(&self, person: &Person, entry: &Value) -> Value {
        tests::until("there is an offer", || async {
            let offer = self.entry(person, entry).await["offer"].clone();
            offer.is_object().then_some(offer)
        })
        .await
    }

    /// Lets the time to answer an offer pass.
    pub(super) async fn silence(&self, offer: &Value) {
        let id = text(offer, "id");
        self.house
            .bed
            .run(&format!(
                "update waitlist_offer set expires_at = now() - interval '1 second' where id = '{id}';
                 update reservation set expires_at = now() - interval '1 second' where offer_id = '{id}';
                 update job set run_at = now() where kind = 'expire_offer' and payload->>'offer_id' = '{id}'"
            ))
            .await;
    }

    /// Waits for a mail to somebody whose subject holds these words.
    pub(super) async fn mail(&self, person: &Person, words: &str) -> Arc<Mail> {
        let inbox = services().await.inbox().unwrap();
        let wanted = |mail: &Mail| mail.to.contains(&person.email) && mail.subject.contains(words);
        inbox.wait_for(PATIENCE, wanted).await.unwrap_or_else(|_| panic!("no mail \"{words}\" to {}", person.email))
    }

    /// All mails to somebody that are here by now, by their subjects.
    pub(super) async fn mails(&self, person: &Person) -> Vec<Arc<Mail>> {
        let mails = services().await.inbox().unwrap().mails();
        mails.into_iter().filter(|mail| mail.to.contains(&person.email)).collect()
    }

    /// What a browser does with a link of a mail.
    pub(super) async fn open_page(&self, path: &str) -> Answer {
        send(self.house.ask(Method::GET, path)).await
    }

    /// Presses a button of a page, whose form must be there.
    pub(super) async fn press(&self, path: &str, button: &str) -> Answer {
        let page = self.open_page(path).await;
        let html = page.body.as_str().unwrap().to_owned();
        assert!(html.contains(&format!("value=\"{button}\"")), "no {button} on {html}");
        self.send_form(path, &format!("csrf={}&press={button}", csrf(&html))).await
    }

    pub(super) async fn send_form(&self, path: &str, form: &str) -> Answer {
        let request = self.house.ask(Method::POST, path);
        send(request.header("Content-Type", "application/x-www-form-urlencoded").body(form.to_owned())).await
    }

    /// Everything that opening a link could change, in one number.
    pub(super) async fn world(&self) -> i64 {
        let tables = ["waitlist_entry", "waitlist_offer", "booking", "reservation", "link", "job", "audit_log"];
        let rows = tables.map(|table| format!("select '{table}' || to_jsonb({table})::text as line from {table}"));
        let lines = rows.join(" union all ");
        let sum = format!("select coalesce(sum(hashtextextended(line, 0) % 1000000007), 0) from ({lines}) all_rows");
        self.house.bed.number(&sum).await
    }

    /// Waits until no job is left that is due.
    pub(super) async fn settle(&self) {
        let busy =
            "select count(*) from job where state = 'running' or state = 'ready' and run_at <= clock_timestamp()";
        self.house.bed.until(busy, 0).await;
        assert_eq!(self.house.bed.number("select count(*) from job where state = 'dead'").await, 0, "a job is dead");
    }
}

pub(super) fn wish(car: Uuid, day: i64) -> Value {
    json!({ "carId": car, "from": noon(day), "to": noon(day + 1) })
}

/// The paths of all links in a mail, as the texts and the buttons have them.
pub(super) fn links(mail: &Mail) -> Vec<String> {
    let parts = [mail.text.as_deref(), mail.html.as_deref()];
    let mut found: Vec<String> = parts
        .into_iter()
        .flatten()
        .flat_map(|part| part.split("http://localhost:8080").skip(1))
        .map(|rest| rest.split(|c: char| c.is_whitespace() || "\"<".contains(c)).next().unwrap().to_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The one link of a mail to this page.
pub(super) fn link(mail: &Mail, page: &str) -> String {
    let mut found: Vec<String> = links(mail).into_iter().filter(|link| link.starts_with(page)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

pub(super) fn csrf(html: &str) -> &str {
    html.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap()
}

/// The words of a page, if it has this status.
pub(super) fn words(page: Answer, status: StatusCode) -> String {
    assert_eq!(page.status, status, "{page:?}");
    page.body.as_str().unwrap().to_owned()
}
