//! Who is asked to decide, who is reminded, and who is asked next.

use jobs::notify::News;
use tests::until;
use uuid::Uuid;

use super::story::{Story, address, mails_to};

impl Story {
    /// Somebody who runs a branch: that of the return, or another one.
    async fn runs(&self, role: &str, here: bool) -> Uuid {
        let id = Uuid::now_v7();
        let branch = if here {
            "(select branch_id from booking limit 1)"
        } else {
            "(select id from branch where name = 'Elsewhere')"
        };
        self.bed
            .run(&format!(
                "insert into branch (id, name, time_zone) values (gen_random_uuid(), 'Elsewhere', 'UTC') on conflict do nothing;
                 insert into account (id, email, name, password_hash, role, branch_id)
                 values ('{id}', '{}', 'A {role}', '-', '{role}', {branch})",
                address(id)
            ))
            .await;
        id
    }

    /// Moves the report and the moment at which the decision is due, in minutes from now.
    async fn due(&self, reported: i64, due: i64) {
        let sql = format!(
            "update rental_return set reported_at = now() + interval '{reported} minutes',
                                      decision_due_at = now() + interval '{due} minutes'"
        );
        self.bed.run(&sql).await;
    }

    /// Starts a clock.
    async fn clock(&self) {
        let (db, place, stop) = (self.bed.db.clone(), self.bed.settings.ticket_place(), self.bed.stop.clone());
        tokio::spawn(async move { workers::clock::keep_time(&db, &place, 30, stop).await });
    }

    /// The jobs that told news to somebody.
    async fn told(&self, news: News, count: i64) {
        let news = news.as_str();
        let told = format!(
            "select count(*) from job where kind = 'send_mail' and payload->>'news' = '{news}' and state = 'done'"
        );
        self.bed.until(&told, count).await;
    }

    async fn announced(&self, news: News) -> i64 {
        let news = news.as_str();
        self.bed
            .number(&format!("select count(*) from job where kind = 'announce' and payload->>'news' = '{news}'"))
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_runs_the_branch_is_asked_and_whoever_runs_another_is_not() {
    let story = Story::new().await;
    let (owner, manager) = (story.runs("branch_owner", true).await, story.runs("fleet_manager", true).await);
    let (other, mechanic) = (story.runs("branch_owner", false).await, story.runs("mechanic", true).await);
    let elsewhere = story.runs("admin", false).await;
    story.tell().await;
    story.announce(News::ReturnReported, story.rental_return).await;
    story.told(News::ReturnReported, 4).await;
    for asked in [owner, manager, story.admins[0], story.admins[1]] {
        assert_eq!(mails_to(asked).await.len(), 1);
    }
    for other in [other, mechanic, elsewhere] {
        assert!(mails_to(other).await.is_empty());
    }
    let text = mails_to(owner).await[0].text.clone().unwrap();
    assert!(text.contains("A fleet_manager") && !text.contains("A mechanic"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn four_hours_before_the_decision_is_due_everybody_asked_is_reminded_once_in_the_same_thread() {
    let story = Story::new().await;
    story.tell().await;
    story.announce(News::ReturnReported, story.rental_return).await;
    story.told(News::ReturnReported, 2).await;
    story.due(-60, 241).await;
    story.clock().await;
    story.clock().await;
    // The clock has been round, and found nothing to do.
    story.bed.run("insert into link values ('\\x00', 'review', gen_random_uuid(), (select id from account limit 1), now() - interval '1 year')").await;
    story.bed.until("select count(*) from link where expires_at < now()", 0).await;
    assert_eq!(story.announced(News::DecisionDue).await, 0);

    story.due(-60, 239).await;
    story.told(News::DecisionDue, 2).await;
    let admin = story.admins[0];
    let mails = mails_to(admin).await;
    let [report, reminder] = mails.as_slice() else { panic!("{mails:?}") };
    assert!(
        reminder.subject.starts_with("URGENT [Return][REMINDER]") || reminder.subject.starts_with("[Return][REMINDER]")
    );
    let before = report.message_id.clone().unwrap();
    assert!(reminder.header("References").unwrap().contains(&before));
    let link = |text: &Option<String>| {
        text.as_ref().unwrap().lines().find(|line| line.contains("/review/")).unwrap().to_owned()
    };
    assert_eq!(link(&report.text), link(&reminder.text));
    let told = "select count(*) from notification where title = 'A return still waits for your decision'";
    assert_eq!(story.bed.number(told).await, 2);
    assert_eq!(story.announced(News::DecisionDue).await, 1);
    assert_eq!(story.announced(News::DecisionOverdue).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overdue_decision_goes_to_every_admin_and_one_that_was_made_to_nobody() {
    let story = Story::new().await;
    let (owner, elsewhere) = (story.runs("branch_owner", true).await, story.runs("admin", false).await);
    story.tell().await;
    story.due(-300, -1).await;
    story.clock().await;
    story.told(News::DecisionOverdue, 3).await;
    let mails = mails_to(elsewhere).await;
    assert!(
        mails[0].subject.starts_with("[Return][OVERDUE] T-1 VW Golf – was to be decided by"),
        "{}",
        mails[0].subject
    );
    assert!(mails_to(owner).await.is_empty());

    let decided = Story::new().await;
    decided.tell().await;
    decided.due(-300, -1).await;
    decided.bed.run("update rental_return set state = 'decided', verdict = 'clear', decided_at = now()").await;
    decided.announce(News::DecisionOverdue, decided.rental_return).await;
    decided.bed.until("select count(*) from job where outcome->'document'->>'skipped' = 'it is no longer so'", 1).await;
    decided.clock().await;
    until("the clock has been round", || async { (decided.announced(News::DecisionOverdue).await == 1).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn better_photos_that_never_come_are_remembered_after_a_day() {
    let story = Story::new().await;
    story.tell().await;
    story.due(-3_000, -1_500).await;
    story
        .bed
        .run("update rental_return set state = 'awaiting_photos', turn = 1, updated_at = now() - interval '23 hours'")
        .await;
    story.clock().await;
    story.bed.run("update rental_return set updated_at = now() - interval '25 hours'").await;
    story.told(News::DecisionOverdue, 2).await;
    let text = mails_to(story.admins[1]).await[0].text.clone().unwrap();
    assert!(text.contains("Better photos were asked for and have not come."), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_says_how_many_people_wait_for_this_very_car() {
    let story = Story::new().await;
    story.tell().await;
    let branch = "(select branch_id from booking limit 1)";
    for (who, car, category, or_better) in [
        (story.admins[0], "(select id from car)", "null", false),
        (story.admins[1], "null", "'compact'", false),
        (story.admins[2], "null", "'economy'", true),
        (story.customer, "null", "'economy'", false),
        (story.customer, "null", "'suv'", true),
    ] {
        let at = if car == "null" { branch } else { "null" };
        story
            .bed
            .run(&format!(
                "insert into waitlist_entry (id, customer_id, car_id, category, branch_id, or_better, kind, days, least_minutes,
                                             latest_start, earliest_end)
                 values (gen_random_uuid(), '{who}', {car}, {category}, {at}, {or_better}, 'asap', 2, 2880,
                         now() + interval '9 days', now())"
            ))
            .await;
    }
    story.announce(News::ReturnReported, story.rental_return).await;
    story.told(News::ReturnReported, 2).await;
    let text = mails_to(story.admins[0]).await[0].text.clone().unwrap();
    assert!(text.contains("Waiting for this car: 3 people"), "{text}");
}
