//! What stands behind the link in a mail: who may open it, how long, and what is written down.

use jobs::notify::News;
use reqwest::Method;
use serde_json::Value;
use tests::{House, house::send};

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
