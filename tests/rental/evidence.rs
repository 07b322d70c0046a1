//! What counts as evidence: used once, kept where nobody can change it, and nothing else kept for long.

use chrono::{TimeDelta, Utc};
use entity::photo;
use jobs::{
    photo::{ForgetUploads, MakeThumbnails},
    rental::{Asker, ReturnCar},
};
use sea_orm::{EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::json;
use tests::{done, refused};
use uuid::Uuid;

use super::{
    jobs_of,
    lot::{Lot, round},
};

impl Lot {
    /// The rental of another car by another customer, under way.
    async fn second_rental(&self) -> (Uuid, Asker) {
        let (car, customer, booking) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        self.bed
            .run(&format!(
                "insert into account (id, email, name, password_hash, role)
                 values ('{customer}', '{customer}@example.com', 'Another customer', '-', 'customer');
                 insert into car (id, plate, make, model, year, category, seats, fuel_type, price_per_day, currency,
                                  branch_id)
                 select '{car}', 'T-SECOND', make, model, year, category, seats, fuel_type, price_per_day, currency,
                        branch_id from car where id = '{}';
                 insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status,
                                      quote, total, currency, plate)
                 select '{booking}', 'BK-SECOND', '{car}', '{customer}', branch_id, starts_at, ends_at, time_zone,
                        'Active', quote, total, currency, 'T-SECOND' from booking where id = '{}'",
                self.car, self.booking
            ))
            .await;
        (booking, Asker { account_id: customer, staff: false, ip: None, user_agent: None })
    }

    async fn at_once(&self, booking: Uuid, asker: Asker) -> ReturnCar {
        let mut give_back = self.give_back(Uuid::now_v7());
        give_back.booking_id = Some(booking);
        give_back.asker = asker;
        for (slot, jpeg) in round(2) {
            give_back.photos.push(self.upload(slot, &jpeg).await);
        }
        give_back
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_set_of_pictures_sent_for_two_rentals_at_the_same_moment_counts_once() {
    let lot = Lot::open().await;
    done(lot.pick_up(&[]).await);
    let (booking, asker) = lot.second_rental().await;
    let first = lot.at_once(lot.booking, lot.by_customer()).await;
    let second = lot.at_once(booking, asker).await;

    // Whoever has decided about its photos waits here, before its commit, and does not give way meanwhile: on a slow machine the
    // other may need longer than the patience with a lock.
    lot.bed
        .run(
            "create function wait_at_the_gate() returns trigger language plpgsql as $$ begin
                 perform set_config('lock_timeout', '0', true);
                 perform pg_advisory_xact_lock_shared(1);
                 return new;
             end $$",
        )
        .await;
    lot.bed
        .run("create trigger gate before insert on odometer_reading for each row execute function wait_at_the_gate()")
        .await;
    let gate = sea_orm::TransactionTrait::begin(&lot.bed.db).await.unwrap();
    // Nor is the gate's own session ended because it idles.
    let shut = "set local idle_in_transaction_session_timeout = 0; select pg_advisory_xact_lock(1)";
    sea_orm::ConnectionTrait::execute_unprepared(&gate, shut).await.unwrap();
    let open = async {
        let waiting = "select count(*) from pg_stat_activity where datname = current_database()
                       and wait_event_type = 'Lock'";
        lot.bed.until(waiting, 2).await;
        gate.commit().await.unwrap();
    };
    let (one, other, ()) = futures::join!(lot.ask(&first), lot.ask(&second), open);

    let (done, refused): (Vec<_>, Vec<_>) =
        [one, other].into_iter().partition(|outcome| matches!(outcome, jobs::Outcome::Done { .. }));
    assert_eq!((done.len(), refused.len()), (1, 1), "{done:?} {refused:?}");
    assert_eq!(lot.bed.number("select count(*) from photo where state = 'accepted'").await, 4);
    assert_eq!(lot.bed.number("select count(*) from photo where refusal = 'photo_reused'").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_no_return_ever_took_is_removed_and_evidence_stays() {
    let lot = Lot::open().await;
    done(lot.pick_up(&[]).await);
    let mut broken = round(2);
    broken[0].1.truncate(20_000);
    let return_id = lot.bring(&broken).await;
    assert_eq!(refused(lot.ask(&lot.give_back(return_id)).await).code, "photos_refused");

    lot.bring(&[]).await;
    let key = |last: char| format!("incoming/{}-{last}", lot.booking);
    for last in ['a', 'b', 'c'] {
        lot.bucket.put(&key(last), "image/jpeg", vec![1]).await.unwrap();
    }
    lot.bed.run(&format!("update photo set object_key = '{}' where state = 'refused'", key('b'))).await;
    lot.bed
        .run(&format!(
            "update photo set object_key = '{}' where id = (select id from photo where state = 'awaiting' limit 1)",
            key('c')
        ))
        .await;
    let young = ForgetUploads { before: Utc::now() - TimeDelta::hours(48), after: None };
    assert_eq!(done(lot.ask(&young).await)["removed"], 0);

    done(lot.ask(&ForgetUploads { before: Utc::now() + TimeDelta::minutes(1), after: None }).await);
    let mut left = Vec::new();
    for last in ['a', 'b', 'c'] {
        if lot.bucket.size(&key(last)).await.unwrap().is_some() {
            left.push(last);
        }
    }
    assert_eq!(left, ['b'], "what was refused is evidence");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_waits_for_no_copies_of_an_original_that_is_lost_and_says_so() {
    let lot = Lot::unwatched().await;
    done(lot.pick_up(&round(1)).await);
    let return_id = lot.bring(&round(2)).await;
    done(lot.ask(&lot.give_back(return_id)).await);
    lot.bed.until(&jobs_of("make_thumbnails", "done"), 8).await;

    let left = "occasion = 'return' and slot = 'left'";
    let photo = photo::Entity::find().filter(Expr::cust(left)).one(&lot.bed.db).await.unwrap().unwrap();
    lot.bucket.delete(&photo.object_key).await.unwrap();
    lot.bed.run(&format!("update photo set derived_at = null where {left}")).await;
    lot.bed.run(&format!("delete from job where kind = 'make_thumbnails' and dedupe_key = '{}'", photo.id)).await;
    done(lot.ask(&MakeThumbnails { photo_id: photo.id }).await);
    lot.watch().await;

    let report = lot.report(return_id).await;
    assert_eq!(
        lot.bed.number("select count(*) from job where payload->>'overdue' = 'true' and state = 'ready'").await,
        1
    );
    let lost = "the original is no longer in the bucket";
    let warnings = report["warnings"].as_array().unwrap();
    assert!(warnings.contains(&json!(format!("There are no small copies of the left photo: {lost}."))), "{warnings:?}");
    assert_eq!(report["notAnalysed"], json!(format!("left: {lost}")));
}
