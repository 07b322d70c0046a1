//! What stands behind the link in a mail: who may open it, how long, and what is written down.

use jobs::{Queue, notify::News};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    House,
    house::{Answer, send},
};

use super::story::{Story, mails_to};

impl Story {
    /// The path in the mail to the first admin.
    async fn link(&self) -> String {
        self.tell().await;
        self.announce(News::ReturnReported, self.rental_return).await;
        self.mailed(2).await;
        let text = mails_to(self.admins[0]).await[0].text.clone().unwrap();
        text.lines().find_map(|line| line.strip_prefix("http://localhost:8080")).unwrap().to_owned()
    }
}

fn page(body: &Value) -> &str {
    body.as_str().unwrap()
}

/// Sends the form of the page, as its own button does.
async fn press(house: &House, path: &str, fields: &str) -> Answer {
    let shown = house.get(path, None).await;
    let csrf = page(&shown.body).split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = format!("csrf={}&{fields}", csrf.unwrap_or_default());
    let request = house.ask(Method::POST, path).header("Content-Type", "application/x-www-form-urlencoded");
    send(request.header("Prefer", "wait=20").body(form)).await
}

const UNDECIDED: &str = "select count(*) from rental_return where decided_at is null";

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_has_expired_says_so_and_decides_nothing() {
    let story = Story::new().await;
    let link = story.link().await;
    story.bed.run("update link set expires_at = now() - interval '1 second'").await;
    let house = House::on(story.bed).await;
    let shown = house.get(&link, None).await;
    assert_eq!(shown.status, 410);
    assert!(page(&shown.body).contains("Links in mails are good for three days."), "{}", page(&shown.body));
    let sent = send(house.ask(Method::POST, &link).body("verdict=clear")).await;
    assert_eq!(sent.status, 410);
    assert_eq!(house.bed.number(UNDECIDED).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn once_somebody_has_decided_the_link_says_who_and_when() {
    let story = Story::new().await;
    let link = story.link().await;
    let decided = format!(
        "update rental_return set state = 'decided', verdict = 'clear', decided_by = '{}', decided_at = now()",
        story.admins[1]
    );
    story.bed.run(&decided).await;
    let house = House::on(story.bed).await;
    let shown = house.get(&link, None).await;
    assert_eq!(shown.status, 410);
    assert!(page(&shown.body).contains("Decided by Kim"), "{}", page(&shown.body));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_price_list_is_asked_for_the_panel_that_is_chosen_before_anything_is_decided() {
    let story = Story::new().await;
    story.photos().await;
    let lines = json!([
        { "class": "scratch", "severity": "minor", "amount": 18_000 },
        { "panel": "bumper", "class": "scratch", "severity": "minor", "amount": 12_050 },
    ]);
    let matrix = format!("insert into damage_matrix (version, currency, lines) values (7, 'EUR', '{lines}')");
    story.bed.run(&matrix).await;
    story.bed.run("update rental_return set report = report || '{\"matrixVersion\": 7}'").await;
    let link = story.link().await;
    story.bed.work(Queue::Booking, workers::registry()).await;
    let house = House::on(story.bed).await;

    let chosen = "verdict=damage&finding=1&panel-1=bumper&severity-1=minor&amount-1=180.00";
    let asked = press(&house, &link, &format!("{chosen}&press=estimate")).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let html = page(&asked.body);
    assert!(html.contains("name=\"amount-1\" inputmode=\"decimal\" autocomplete=\"off\" value=\"120.50\""), "{html}");
    assert!(html.contains("value=\"bumper\" selected") && html.contains("value=\"1\" checked"));
    assert_eq!(house.bed.number(UNDECIDED).await, 1, "only the amounts were asked for");

    let chosen = chosen.replace("180.00", "120.50");
    let confirmed = press(&house, &link, &format!("{chosen}&note=Not+there+before")).await;
    assert!(page(&confirmed.body).contains("left, bumper: scratch, minor, 120.50 EUR"), "{confirmed:?}");
    let kept = "select count(*) from damage where side = 'left' and panel = 'bumper' and estimate = 12050";
    assert_eq!(house.bed.number(kept).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn that_somebody_looked_at_an_original_is_written_down_before_it_is_shown() {
    let story = Story::new().await;
    let photo = story.photos().await;
    let link = story.link().await;
    let looked = format!(
        "select count(*) from audit_log where action = 'show_original' and subject_id = '{photo}' and actor = '{}'",
        story.admins[0]
    );
    let house = House::on(story.bed).await;
    assert_eq!(house.get(&link, None).await.status, 200);
    assert_eq!(house.bed.number(&looked).await, 0, "the page alone shows no original");
    assert_eq!(house.get(&format!("{link}/photo/{photo}/original"), None).await.status, 302);
    assert_eq!(house.bed.number(&looked).await, 1);
}
