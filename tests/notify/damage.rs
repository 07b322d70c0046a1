//! A confirmed damage: told, answered, disputed, decided; and nobody charges but a person.

use jobs::{Queue, notify::News};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{
    House,
    house::{Answer, Person, send, text},
};

use super::{
    dispute,
    story::{Story, mails_to},
};

/// A house whose customer brought a car back with a scratch on the left.
pub(super) struct Yard {
    pub(super) house: House,
    pub(super) customer: Person,
    pub(super) admin: Person,
    return_id: String,
}

impl Yard {
    pub(super) async fn open() -> Self {
        let story = Story::new().await;
        story.photos().await;
        story.tell().await;
        story.bed.work(Queue::Booking, workers::registry()).await;
        let rental_return = story.rental_return.to_string();
        let house = House::on(story.bed).await;
        let (customer, admin) = (house.customer().await, house.staff("admin").await);
        house.bed.run(&format!("update booking set customer_id = '{}'", customer.id)).await;
        Self { house, customer, admin, return_id: rental_return }
    }

    /// A person confirms the scratch; the case, once its customer was told.
    pub(super) async fn confirmed(&self) -> Value {
        let estimate = json!({ "amount": 18_000, "currency": "EUR" });
        let item = json!({ "number": 1, "panel": "door", "severity": "minor", "estimate": estimate });
        let body = json!({ "verdict": "damage", "note": "not there at pick-up", "findings": [item] });
        let path = format!("/api/v1/returns/{}/decision", self.return_id);
        let decided = self.post(&path, &self.admin, body).await;
        assert_eq!(decided.status, 200, "{decided:?}");
        self.house.bed.until("select count(*) from damage_case where state = 'notified'", 1).await;
        self.case().await
    }

    /// The one case, as its customer sees it.
    pub(super) async fn case(&self) -> Value {
        let list = self.house.get("/api/v1/damage-cases", Some(&self.customer)).await;
        list.body["items"][0].clone()
    }

    /// Posts and waits for the outcome, however busy the machine is.
    pub(super) async fn post(&self, path: &str, person: &Person, body: Value) -> Answer {
        send(self.house.ask(Method::POST, path).bearer_auth(&person.token).header("Prefer", "wait=20").json(&body))
            .await
    }

    pub(super) async fn dispute(&self, case: &Value) -> Answer {
        let path = format!("/api/v1/damage-cases/{}/dispute", text(case, "id"));
        self.post(&path, &self.customer, json!({ "reason": "It was there before." })).await
    }

    /// Disputes it with a photo.
    pub(super) async fn dispute_with(&self, case: &Value, photo: Vec<u8>) -> Answer {
        let path = format!("/api/v1/damage-cases/{}/dispute", text(case, "id"));
        let request = self.house.ask(Method::POST, &path).bearer_auth(&self.customer.token);
        let form = dispute::form(&[("reason", "It was there before.")], vec![photo]);
        send(request.header("Prefer", "wait=30").multipart(form)).await
    }

    async fn settle(&self, case: &Value, body: Value) -> Answer {
        let path = format!("/api/v1/admin/damage-cases/{}/decision", text(case, "id"));
        self.post(&path, &self.admin, body).await
    }

    /// The newest mail to somebody whose subject holds these words.
    pub(super) async fn mail(&self, person: &Person, words: &str) -> String {
        let mail = tests::until("the mail is there", || async {
            let mails = tests::services().await.inbox().unwrap().mails();
            mails.into_iter().find(|mail| mail.to.contains(&person.email) && mail.subject.contains(words))
        })
        .await;
        mail.text.clone().unwrap()
    }

    /// The path of the page in that mail.
    pub(super) async fn link(&self, person: &Person, words: &str) -> String {
        let body = self.mail(person, words).await;
        let line = body.lines().find(|line| line.contains("/damage/")).unwrap();
        line.trim().strip_prefix("http://localhost:8080").unwrap().to_owned()
    }

    pub(super) async fn press(&self, path: &str, fields: &str) -> Answer {
        let page = self.house.get(path, None).await;
        let html = page.body.as_str().unwrap();
        let csrf = html.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let form = format!("csrf={}&{fields}", csrf.unwrap_or_default());
        let request = self.house.ask(Method::POST, path).header("Content-Type", "application/x-www-form-urlencoded");
        send(request.header("Prefer", "wait=20").body(form)).await
    }

    /// The photo that shows the confirmed damage.
    pub(super) async fn confirmed_photo(&self) -> String {
        text(&self.case().await["items"][0], "photoId")
    }

    pub(super) async fn steps(&self) -> i64 {
        self.house.bed.number("select count(*) from audit_log where subject_kind = 'damage_case'").await
    }
}

pub(super) fn words(page: &Answer) -> &str {
    page.body.as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damage_is_told_disputed_and_reduced_and_only_a_person_charges() {
    let yard = Yard::open().await;
    let case = yard.confirmed().await;
    assert_eq!((&case["state"], &case["amount"]["amount"]), (&json!("notified"), &json!(18_000)), "{case:#}");
    let week = "select count(*) from damage_case where respond_by = notified_at + interval '7 days'";
    assert_eq!(yard.house.bed.number(week).await, 1);
    let registered = "select count(*) from damage where panel = 'door' and estimate = 18000";
    assert_eq!(yard.house.bed.number(registered).await, 1);
    assert_eq!(case["items"][0]["panel"], "door", "{case:#}");
    let early = yard.settle(&case, json!({ "verdict": "charged", "reason": "now" })).await;
    assert_eq!((early.status.as_u16(), early.code()), (409, "illegal_state"), "nobody is charged before being heard");

    let blank = format!("/api/v1/damage-cases/{}/dispute", text(&case, "id"));
    let blank = yard.post(&blank, &yard.customer, json!({ "reason": "      " })).await;
    assert_eq!((blank.status.as_u16(), &blank.body["errors"][0]["pointer"]), (422, &json!("/reason")), "{blank:?}");
    let disputed = yard.dispute(&case).await;
    let role = |role| format!("update account set role = '{role}' where id = '{}'", yard.customer.id);
    yard.house.bed.run(&role("admin")).await;
    let customer = yard.house.log_in(&yard.customer.email).await;
    let path = format!("/api/v1/admin/damage-cases/{}/decision", text(&case, "id"));
    let own = yard.post(&path, &customer, json!({ "verdict": "waived", "reason": "it was me" })).await;
    assert_eq!((own.status.as_u16(), own.code()), (403, "forbidden"), "nobody decides about their own rental: {own:?}");
    yard.house.bed.run(&role("customer")).await;
    assert_eq!((disputed.status.as_u16(), &disputed.body["state"]), (200, &json!("disputed")), "{disputed:?}");
    assert_eq!(yard.dispute(&case).await.code(), "illegal_state");
    let blank = yard.settle(&case, json!({ "verdict": "upheld", "reason": " \t  " })).await;
    assert_eq!((blank.status.as_u16(), &blank.body["errors"][0]["pointer"]), (422, &json!("/reason")), "{blank:?}");
    yard.link(&yard.admin, "[Dispute]").await;
    assert!(yard.mail(&yard.admin, "[Dispute]").await.contains("1. left, door: scratch, minor"));

    let more = json!({ "amount": 18_001, "currency": "EUR" });
    let doubt = yard.settle(&case, json!({ "verdict": "reduced", "amount": more, "reason": "more" })).await;
    assert_eq!((doubt.status.as_u16(), &doubt.body["errors"][0]["pointer"]), (422, &json!("/amount")), "{doubt:?}");
    let dollars = json!({ "amount": 9_000, "currency": "USD" });
    let doubt = yard.settle(&case, json!({ "verdict": "reduced", "amount": dollars, "reason": "half" })).await;
    assert_eq!(doubt.body["errors"][0]["pointer"], "/amount/currency");
    let half = json!({ "verdict": "reduced", "amount": { "amount": 9_000, "currency": "EUR" }, "reason": "half" });
    let reduced = yard.settle(&case, half.clone()).await;
    assert_eq!((&reduced.body["state"], &reduced.body["amount"]["amount"]), (&json!("reduced"), &json!(9_000)));
    assert_eq!(
        yard.settle(&case, json!({ "verdict": "upheld", "reason": "it stays" })).await.code(),
        "already_decided"
    );

    let told = "select count(*) from delivery where template = 'damage_settled' and state = 'sent'";
    yard.house.bed.until(told, 1).await;
    let charged = yard.settle(&case, json!({ "verdict": "charged", "reason": "invoice 7" })).await;
    assert_eq!((&charged.body["state"], &charged.body["amount"]["amount"]), (&json!("charged"), &json!(9_000)));
    // Opened by the decision, confirmed, told, disputed, reduced, charged.
    assert_eq!(yard.steps().await, 6);
    let named = "select count(*) from audit_log where subject_kind = 'damage_case' and actor is null";
    assert_eq!(yard.house.bed.number(named).await, 1, "only the mail server's word has no person behind it");
    assert_eq!(yard.house.bed.number("select count(*) from damage where repaired_at is null").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_before_and_after_and_only_its_buttons_do_something() {
    let yard = Yard::open().await;
    yard.confirmed().await;
    let path = yard.link(&yard.customer, "Damage found").await;
    let before = yard.steps().await;
    let page = yard.house.get(&path, None).await;
    assert_eq!(page.status, 200, "{page:?}");
    for part in
        ["PLEASE ANSWER", "left, door", "180.00 EUR", "not there at pick-up", "At pick-up", "At return", "Dispute it"]
    {
        assert!(words(&page).contains(part), "{part} is missing in {}", words(&page));
    }
    assert!(!words(&page).contains("<script") && !words(&page).contains("value=\"waive\""));
    for method in [Method::HEAD, Method::GET] {
        send(yard.house.ask(method, &path)).await;
    }
    assert_eq!(yard.steps().await, before);
    let foreign = send(yard.house.ask(Method::POST, &path).body("press=accept&csrf=x")).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert_eq!(yard.press(&path, "press=waive&words=mine").await.status, 422, "a customer decides nothing");
    assert_eq!(yard.press(&path, "press=dispute&words=+").await.status, 422);
    assert_eq!(yard.steps().await, before);

    let disputed = yard.press(&path, "press=dispute&words=It+was+%3Cb%3Ethere%3C%2Fb%3E").await;
    assert!(words(&disputed).contains("&lt;b&gt;there") && !words(&disputed).contains("Dispute it"), "{disputed:?}");
    let staff = yard.link(&yard.admin, "[Dispute]").await;
    assert!(words(&yard.house.get(&staff, None).await).contains("Uphold 180.00 EUR"));
    let doubt = yard.press(&staff, "press=reduce&words=half&amount=").await;
    assert_eq!(doubt.status, 422);
    for (press, why) in [("uphold", "An amount belongs to a reduction"), ("reduce", "less than the 180.00 EUR that")] {
        let doubt = yard.press(&staff, &format!("press={press}&words=half&amount=200.00")).await;
        assert!(doubt.status == 422 && words(&doubt).contains(why), "{press}: {doubt:?}");
        assert!(words(&doubt).contains("value=\"200.00\"") && words(&doubt).contains("half</textarea>"), "{doubt:?}");
    }
    let page = words(&yard.house.get(&staff, None).await).to_owned();
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let waived = yard.press(&staff, "press=waive&words=You+are+right").await;
    assert!(words(&waived).contains("WAIVED"), "{waived:?}");
    assert_eq!(yard.case().await["amount"]["amount"], 0);
    let post = yard.house.ask(Method::POST, &staff).header("Content-Type", "application/x-www-form-urlencoded");
    let late = send(post.body(format!("csrf={csrf}&press=uphold&words=It+stays,%0D%0Asorry"))).await;
    assert_eq!(late.status, 409);
    for part in ["What you sent was not used: it had been decided before.", "It stays,\nsorry", "You are right"] {
        assert!(words(&late).contains(part), "{part} is missing in {late:?}");
    }
    let via = "select count(*) from audit_log where subject_kind = 'damage_case' and detail->>'via' = 'link'";
    assert_eq!(yard.house.bed.number(via).await, 2);
    assert!(words(&yard.house.get(&path, None).await).contains("You are right"));
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_until_the_deadline_counts_as_agreement_and_the_boundary_is_too_late() {
    let yard = Yard::open().await;
    let case = yard.confirmed().await;
    yard.house.bed.run("update job set run_at = now() where kind = 'end_dispute_window'").await;
    let later = "select count(*) from job where kind = 'end_dispute_window' and run_at > now() + interval '6 days'";
    yard.house.bed.until(later, 1).await;
    assert_eq!(yard.case().await["state"], "notified", "a clock that runs ahead ends nothing");

    yard.house.bed.run("update damage_case set respond_by = now()").await;
    assert_eq!(yard.dispute(&case).await.code(), "too_late");
    yard.house.bed.run("update job set run_at = now() where kind = 'end_dispute_window'").await;
    yard.house.bed.until("select count(*) from damage_case where state = 'accepted'", 1).await;
    yard.house.bed.until("select count(*) from delivery where template = 'damage_settled'", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_belongs_to_its_customer_and_the_house_lists_it_by_state_and_branch() {
    let yard = Yard::open().await;
    let case = yard.confirmed().await;
    let (stranger, manager) = (yard.house.customer().await, yard.house.staff("branch_owner").await);
    let path = format!("/api/v1/damage-cases/{}", text(&case, "id"));
    assert_eq!(yard.house.get(&path, Some(&stranger)).await.status, 404);
    let body = json!({ "reason": "mine" });
    assert_eq!(yard.house.post(&format!("{path}/dispute"), Some(&stranger), body).await.status, 404);
    assert_eq!(yard.house.post(&format!("{path}/accept"), Some(&yard.admin), json!({})).await.status, 404);
    assert_eq!(yard.house.get(&path, Some(&yard.customer)).await.body["state"], "notified");

    let listed = async |query: &str, person| {
        let list = yard.house.get(&format!("/api/v1/admin/damage-cases{query}"), Some(person)).await;
        list.body["items"].as_array().unwrap_or_else(|| panic!("{list:?}")).len()
    };
    let branch = format!("?state=notified&branchId={}&limit=1", text(&case, "branchId"));
    assert_eq!((listed(&branch, &yard.admin).await, listed("?state=disputed", &yard.admin).await), (1, 0));
    assert_eq!(listed("", &manager).await, 0, "the owner of another branch");
    let own = format!("update account set branch_id = '{}' where id = '{}'", text(&case, "branchId"), manager.id);
    yard.house.bed.run(&own).await;
    assert_eq!(listed("", &manager).await, 1);
    let photo = "select count(*) from audit_log where action = 'show_original'";
    let (booking, shown) = (text(&case, "bookingId"), yard.house.bed.number(photo).await);
    let rental_return = yard.house.get(&format!("/api/v1/returns/{}", text(&case, "returnId")), Some(&manager)).await;
    let original = format!("/api/v1/media/{}/original", text(&rental_return.body["photos"][0], "id"));
    for (person, status) in [(&manager, 302), (&stranger, 404), (&yard.customer, 302)] {
        assert_eq!(yard.house.get(&original, Some(person)).await.status, status);
    }
    assert_eq!(yard.house.bed.number(photo).await, shown + 1, "whoever is not the renter is written down");
    for (person, status) in [(&manager, 200), (&stranger, 404)] {
        let booking = yard.house.get(&format!("/api/v1/bookings/{booking}"), Some(person)).await;
        assert_eq!(booking.status, status);
    }
    assert_eq!(yard.house.get("/api/v1/bookings", Some(&manager)).await.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(yard.house.get("/api/v1/admin/damage-cases", Some(&stranger)).await.code(), "forbidden");

    let accepted = yard.post(&format!("{path}/accept"), &yard.customer, json!({})).await;
    assert_eq!(accepted.body["state"], "accepted", "{accepted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_pick_up_photos_nothing_is_asked_for() {
    let yard = Yard::open().await;
    yard.house.bed.run("update photo set state = 'refused' where occasion = 'pickup'").await;
    let case = yard.confirmed().await;
    assert_eq!((&case["estimate"]["amount"], &case["amount"]["amount"]), (&json!(18_000), &json!(0)));
    let mail = yard.mail(&yard.customer, "Damage found").await;
    for (part, told) in [
        ("looked at the car", true),
        ("Not asked for: there is no photo of this side", true),
        ("We ask for nothing", true),
        (&text(&case, "id"), true),
        ("compared the car", false),
        ("the amount", false),
        (" 0.00 EUR", false),
    ] {
        assert_eq!(mail.contains(part), told, "{part}: {mail}");
    }
    let page = yard.house.get(&yard.link(&yard.customer, "Damage found").await, None).await;
    assert!(words(&page).contains(">Agree</button>") && !words(&page).contains("Agree with"), "{page:?}");
    assert!(words(&page).contains("nothing is asked for") && words(&page).contains("not asked for: no pick-up photo"));
    yard.post(&format!("/api/v1/damage-cases/{}/accept", text(&case, "id")), &yard.customer, json!({})).await;
    let charged = yard.settle(&case, json!({ "verdict": "charged", "reason": "now" })).await;
    assert_eq!(charged.body["errors"][0]["pointer"], "/verdict", "{charged:?}");
    let closed = yard.settle(&case, json!({ "verdict": "closed", "reason": "nothing to ask for" })).await;
    assert_eq!(closed.body["state"], "closed", "{closed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_that_was_lowered_to_nothing_brings_no_invoice_and_closes_the_case() {
    let yard = Yard::open().await;
    let case = yard.confirmed().await;
    yard.dispute(&case).await;
    let nothing = json!({ "amount": 0, "currency": "EUR" });
    let reduced =
        yard.settle(&case, json!({ "verdict": "reduced", "amount": nothing, "reason": "You are right" })).await;
    assert_eq!(reduced.body["state"], "reduced", "{reduced:?}");
    let mail = yard.mail(&yard.customer, "Nothing is asked for the damage").await;
    assert!(mail.contains("Nothing is asked for the damage") && !mail.contains("invoice"), "{mail}");
    let closed = yard.settle(&case, json!({ "verdict": "closed", "reason": "done" })).await;
    assert_eq!(closed.body["state"], "closed", "{closed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_cannot_arrive_starts_no_clock() {
    let story = Story::new().await;
    story.bed.run("update rental_return set state = 'decided', verdict = 'damage', decided_at = now()").await;
    story
        .bed
        .run(
            "insert into damage_case (id, return_id, booking_id, car_id, branch_id, customer_id, state, currency)
             select gen_random_uuid(), r.id, b.id, b.car_id, b.branch_id, b.customer_id, 'confirmed', 'EUR'
             from rental_return r join booking b on b.id = r.booking_id",
        )
        .await;
    story.bed.run(&format!("update account set email = 'nobody' where id = '{}'", story.customer)).await;
    story.tell().await;
    story.announce(News::DamageConfirmed, story.rental_return).await;
    story.mailed(3).await;
    assert_eq!(story.bed.number("select count(*) from delivery where state = 'bounced'").await, 1);
    assert_eq!(story.bed.number("select count(*) from damage_case where state = 'confirmed'").await, 1);
    assert!(mails_to(story.customer).await.is_empty());

    let told = mails_to(story.admins[0]).await;
    assert!(told[0].subject.starts_with("[Call] A customer has to be told of a damage"), "{told:?}");
    assert!(told[0].text.as_ref().unwrap().contains("+49 30 1234567"), "{told:?}");
    let shown = "select count(*) from notification where data->>'news' = 'damage_untold' and type = 'REVIEW'";
    assert_eq!(story.bed.number(shown).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_dispute_was_decided_is_told_whatever_was_done_since() {
    let story = Story::new().await;
    story.bed.run("update rental_return set state = 'decided', verdict = 'damage', decided_at = now()").await;
    story
        .bed
        .run(
            "insert into damage_case (id, return_id, booking_id, car_id, branch_id, customer_id, state, currency,
                                      estimate, amount, respond_by, settlement, settled_at, settled_as)
             select gen_random_uuid(), r.id, b.id, b.car_id, b.branch_id, b.customer_id, 'charged', 'EUR',
                    18000, 9000, now(), 'Half of it was there before.', now(), 'reduced'
             from rental_return r join booking b on b.id = r.booking_id",
        )
        .await;
    story.tell().await;
    story.announce(News::DamageSettled, story.rental_return).await;
    story.mailed(1).await;
    let mails = mails_to(story.customer).await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert!(mail.subject.starts_with("The amount for the damage is lower now"), "{mail:?}");
    let text = mail.text.as_ref().unwrap();
    assert!(text.contains("Half of it was there before.") && text.contains("has decided about"), "{text}");
}
