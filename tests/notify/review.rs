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
        let [link, _] = self.links().await;
        link
    }

    /// The paths in the mails to the first two admins.
    async fn links(&self) -> [String; 2] {
        self.tell().await;
        self.announce(News::ReturnReported, self.rental_return).await;
        self.mailed(2).await;
        let link = async |admin| {
            let text = mails_to(admin).await[0].text.clone().unwrap();
            text.lines().find_map(|line| line.strip_prefix("http://localhost:8080")).unwrap().to_owned()
        };
        [link(self.admins[0]).await, link(self.admins[1]).await]
    }
}

fn page(body: &Value) -> &str {
    body.as_str().unwrap()
}

/// Opens the page, and gives what its form must carry.
async fn open(house: &House, path: &str) -> String {
    let shown = house.get(path, None).await;
    let csrf = page(&shown.body).split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    csrf.unwrap_or_default().to_owned()
}

/// Opens the page and sends its form, as its own button does.
async fn press(house: &House, path: &str, fields: &str) -> Answer {
    submit(house, path, &open(house, path).await, fields).await
}

async fn submit(house: &House, path: &str, csrf: &str, fields: &str) -> Answer {
    let form = format!("csrf={csrf}&{fields}");
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
async fn the_matrix_is_asked_for_the_panel_that_is_chosen_before_anything_is_decided() {
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
async fn of_two_admins_who_press_at_the_same_time_one_decides_and_the_other_reads_who() {
    let story = Story::new().await;
    story.photos().await;
    let [kim, robin] = story.links().await;
    for (admin, name) in story.admins.iter().zip(["Kim Example", "Robin Example"]) {
        story.bed.run(&format!("update account set name = '{name}' where id = '{admin}'")).await;
    }
    let house = House::on(story.bed).await;
    let (csrf_of_kim, csrf_of_robin) = (open(&house, &kim).await, open(&house, &robin).await);

    let damage = "verdict=damage&finding=1&severity-1=minor&amount-1=180.00&note=Not+there+before";
    let both_are_asked = async {
        house.bed.until("select count(*) from job where kind = 'decide_return' and state = 'ready'", 2).await;
        house.bed.work(Queue::Booking, workers::registry()).await;
    };
    let (from_kim, from_robin, ()) = futures::join!(
        submit(&house, &kim, &csrf_of_kim, "verdict=clear"),
        submit(&house, &robin, &csrf_of_robin, damage),
        both_are_asked
    );

    let cleared = house.bed.number("select count(*) from rental_return where verdict = 'clear'").await == 1;
    let (winner, won, lost) = match cleared {
        true => ("Kim Example", &from_kim, &from_robin),
        false => ("Robin Example", &from_robin, &from_kim),
    };
    assert_eq!((won.status.as_u16(), lost.status.as_u16()), (200, 410), "{won:?} {lost:?}");
    let decided = format!("Decided by {winner} on ");
    assert!(page(&won.body).contains(&decided) && page(&lost.body).contains(&decided), "{won:?} {lost:?}");
    assert!(page(&lost.body).contains("What you sent was not used") && !page(&won.body).contains("was not used"));
    assert_eq!(page(&lost.body).contains("<p class=\"lines\">Not there before"), cleared, "and what was typed");
    let told = format!(
        "select count(*) from job where kind = 'decide_return' and outcome->>'code' = 'already_decided'
         and outcome->'extra'->>'decidedBy' = '{winner}'"
    );
    assert_eq!(house.bed.number(&told).await, 1, "the loser's job says who was faster");

    for (once, count) in [
        ("select count(*) from audit_log where action = 'decide_return'", 1),
        ("select count(*) from audit_log where action = 'damage_case_confirmed'", if cleared { 0 } else { 1 }),
        ("select count(*) from damage", if cleared { 0 } else { 1 }),
        ("select count(*) from booking where status = 'Completed' and version = 2", 1),
        ("select count(*) from job where kind = 'announce' and payload->>'news' <> 'return_reported'", 1),
    ] {
        assert_eq!(house.bed.number(once).await, count, "{once}");
    }
    for link in [&kim, &robin] {
        let shown = house.get(link, None).await;
        assert!(shown.status == 410 && page(&shown.body).contains(&decided), "{shown:?}");
    }
    let late = submit(&house, &kim, &csrf_of_kim, "verdict=clear").await;
    assert!(late.status == 410 && page(&late.body).contains(&decided), "a page that stayed open: {late:?}");
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
