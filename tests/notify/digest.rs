//! More reports than anybody reads come together, each once, and none is lost.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jobs::{
    Queue,
    notify::{Announce, News, SendDigest},
};
use sea_orm::{ConnectionTrait, TransactionTrait};
use tests::services;
use uuid::Uuid;
use workers::{Context, Mailer, Pool};

use super::story::{Story, mails_to};

impl Story {
    /// A pool that sends single mails up to this many an hour.
    async fn tell_alone(&self, digest_above: u64) {
        let mut context = Context::start(self.bed.settings.clone()).await.unwrap();
        let smtp = services().await.smtp_url();
        context.mailer = Some(Mailer::start(&smtp, "Forecourt <rental@example.com>", 8).unwrap());
        context.digest_above = digest_above;
        let stop = self.bed.stop.child_token();
        let (context, grace) = (Arc::new(context), Duration::from_secs(1));
        tokio::spawn(Pool::serve(Queue::Notify, 8, context, workers::registry(), stop, grace));
    }

    /// So many returns of the same car, all reported and undecided.
    async fn returns(&self, count: usize) -> BTreeSet<Uuid> {
        let mut ids = BTreeSet::from([self.rental_return]);
        while ids.len() < count {
            let (booking, rental_return) = (Uuid::now_v7(), Uuid::now_v7());
            self.bed
                .run(&format!(
                    "insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone,
                                          status, quote, total, currency, plate)
                     select '{booking}', '{booking}', car_id, customer_id, branch_id, starts_at, ends_at, time_zone,
                            status, quote, total, currency, plate from booking where id = '{}';
                     insert into rental_return (id, booking_id, car_id, state, opened_by, returned_at, report,
                                                decision_due_at)
                     select '{rental_return}', '{booking}', car_id, state, opened_by, returned_at, report,
                            decision_due_at from rental_return where id = '{}'",
                    self.booking, self.rental_return
                ))
                .await;
            ids.insert(rental_return);
        }
        ids
    }

    async fn told_in(&self, kind: &str, count: i64) {
        self.bed.until(&format!("select count(*) from job where kind = '{kind}' and state = 'done'"), count).await;
    }
}

/// The links of a mail, which are as many as the returns it tells.
fn links(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.contains("/review/")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_so_many_an_hour_reports_come_in_one_digest_each_once_and_none_is_lost() {
    let story = Story::new().await;
    let ids = story.returns(9).await;
    // Whoever has counted waits here, before it is written down, until all workers are under way.
    let gate = story.bed.db.begin().await.unwrap();
    gate.execute_unprepared("lock table decision_call in share mode").await.unwrap();
    story.tell_alone(3).await;
    for id in &ids {
        story.announce(News::ReturnReported, *id).await;
    }
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    story.bed.until(waiting, 8).await;
    gate.commit().await.unwrap();
    story.told_in("send_mail", 2 * 9).await;
    let admin = story.admins[0];
    assert_eq!(mails_to(admin).await.len(), 3, "however many workers count at a time");

    story.bed.run("update decision_call set created_at = created_at - interval '11 minutes'").await;
    let (db, place, stop) = (story.bed.db.clone(), story.bed.settings.ticket_place(), story.bed.stop.clone());
    tokio::spawn(async move { workers::clock::keep_time(&db, &place, 30, stop).await });
    story.told_in("send_digest", 2).await;
    let mails = mails_to(admin).await;
    let digest = mails.iter().find(|mail| mail.subject.contains("[DIGEST]")).unwrap();
    assert!(digest.subject.contains("6 returns wait"), "{}", digest.subject);
    let texts: Vec<_> = mails.iter().map(|mail| mail.text.clone().unwrap()).collect();
    let all: Vec<_> = texts.iter().flat_map(|text| links(text)).collect();
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (9, 9), "every return once");

    // Done again, as after a lost lease, nothing is told twice.
    let again = "update job set state = 'ready', finished_at = null
                 where kind in ('send_digest', 'send_mail')";
    story.bed.run(again).await;
    story.told_in("send_mail", 2 * 9).await;
    story.told_in("send_digest", 2).await;
    assert_eq!(mails_to(admin).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_a_digest_is_told_waits_for_the_next_and_what_was_decided_is_left_out() {
    let story = Story::new().await;
    let ids: Vec<_> = story.returns(3).await.into_iter().collect();
    story.tell_alone(0).await;
    for id in &ids[..2] {
        story.announce(News::ReturnReported, *id).await;
    }
    story.told_in("send_mail", 4).await;
    story
        .bed
        .run(&format!("update rental_return set state = 'decided', decided_at = now() where id = '{}'", ids[0]))
        .await;
    let admin = story.admins[0];
    let digest = |first_call| SendDigest { account_id: admin, first_call };
    story.ask(&digest(1)).await;
    story.told_in("send_digest", 1).await;
    story.announce(News::ReturnReported, ids[2]).await;
    story.told_in("send_mail", 6).await;
    story.ask(&digest(2)).await;
    story.told_in("send_digest", 2).await;
    let mails = mails_to(admin).await;
    let told: Vec<_> = mails.iter().map(|mail| links(mail.text.as_ref().unwrap()).len()).collect();
    assert_eq!(told, [1, 1]);
    assert_ne!(mails[0].text, mails[1].text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_that_nobody_has_looked_at_anew_is_never_told_as_clear() {
    let story = Story::new().await;
    let ids: Vec<_> = story.returns(2).await.into_iter().collect();
    let change = async |id: Uuid, state: &str| {
        let sql = format!("update rental_return set state = '{state}', turn = 1, report = null where id = '{id}'");
        story.bed.run(&sql).await;
    };
    story.tell_alone(0).await;
    for id in &ids {
        story.announce(News::ReturnReported, *id).await;
    }
    story.told_in("send_mail", 4).await;
    // Better photos were asked for: of one return they have come and nobody has looked, of the other they never do.
    change(ids[0], "inspecting").await;
    change(ids[1], "awaiting_photos").await;
    let admin = story.admins[0];
    story.ask(&SendDigest { account_id: admin, first_call: 1 }).await;
    story
        .bed
        .until("select count(*) from job where outcome->'document'->>'skipped' = 'nothing is left to decide'", 1)
        .await;

    for id in &ids {
        story.ask(&Announce { news: News::DecisionOverdue, subject_id: *id, turn: 1 }).await;
    }
    story.bed.until("select count(*) from job where outcome->'document'->>'skipped' = 'it is no longer so'", 1).await;
    story.told_in("send_mail", 6).await;
    story.ask(&SendDigest { account_id: admin, first_call: 2 }).await;
    story.told_in("send_digest", 2).await;
    let mails = mails_to(admin).await;
    let [digest] = mails.as_slice() else { panic!("{mails:?}") };
    let text = digest.text.as_ref().unwrap();
    assert_eq!(links(text).len(), 1, "{text}");
    assert!(text.contains("NOT ANALYSED: there is no report on the photos yet."), "{text}");
    assert!(!text.contains("CLEAR") && !text.contains("nothing new"), "{text}");
}
