//! What ends makes room for something else, and what comes too early waits for its time.

use entity::{job, waitlist_offer};
use jobs::{
    NewJob,
    waitlist::{CloseEntry, LeaveWaitlist, PauseWaitlist, Paused, RejoinWaitlist, RevokeOffer},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, TransactionTrait};
use tests::{done, refused};
use uuid::Uuid;

use super::yard::Yard;

/// The ways in which an offer ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Accept,
    Decline,
    Silence,
    Leave,
    Revoke,
    Pause,
}

async fn end(yard: &Yard, how: End, offer: &waitlist_offer::Model) {
    let (by, reason) = (yard.person("admin").await, "a flat tyre".to_owned());
    match how {
        End::Accept => drop(done(yard.accept(offer).await)),
        End::Decline => drop(done(yard.decline(offer).await)),
        End::Silence => yard.run_out(offer.id).await,
        End::Leave => {
            let leave = LeaveWaitlist { entry_id: offer.entry_id, left_by: offer.customer_id };
            drop(done(yard.bed.ask(&leave).await));
        }
        End::Revoke => {
            let revoke = RevokeOffer { offer_id: offer.id, revoked_by: by, reason };
            drop(done(yard.bed.ask(&revoke).await));
        }
        End::Pause => {
            let pause = PauseWaitlist { of: Paused::Car(offer.car_id), paused: true, paused_by: by, reason };
            drop(done(yard.bed.ask(&pause).await));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_an_offer_ends_its_person_is_asked_at_once_for_what_it_kept_from_them() {
    for how in [End::Accept, End::Decline, End::Silence, End::Leave, End::Revoke, End::Pause] {
        let yard = Yard::open().await;
        let [had, waits, behind] = yard.customers().await;
        let (car, other) = (yard.car().await, yard.car().await);
        let (taken, also) = (yard.book(had, car, 10, 12).await, yard.book(had, other, 11, 13).await);
        yard.wait(waits, car, 10, 12).await;
        // Or whoever was silent would be asked for the first car again.
        yard.wait(behind, car, 10, 12).await;
        let second = yard.wait(waits, other, 11, 13).await;
        yard.cancel(taken, had).await;
        let offer = yard.offer().await;
        yard.cancel(also, had).await;
        assert_eq!(yard.offer().await.id, offer.id, "{how:?}: one live offer per person and time");

        end(&yard, how, &offer).await;
        let asked = format!("select count(*) from waitlist_offer where entry_id = '{second}'");
        yard.bed.until(&asked, 1).await;
    }
}

/// An offer of time that somebody has given up, to the one who waits for it.
async fn offered(yard: &Yard) -> waitlist_offer::Model {
    let [had, waits] = yard.customers().await;
    let car = yard.car().await;
    let taken = yard.book(had, car, 10, 12).await;
    yard.wait(waits, car, 10, 12).await;
    yard.cancel(taken, had).await;
    yard.offer().await
}

async fn run_now(yard: &Yard, kind: &str, key: Uuid) -> job::Model {
    let jobs =
        || job::Entity::find().filter(job::Column::Kind.eq(kind)).filter(job::Column::DedupeKey.eq(key.to_string()));
    let before = jobs().one(&yard.bed.db).await.unwrap().unwrap();
    let now = format!("update job set run_at = clock_timestamp() where id = '{}'", before.id);
    yard.bed.run(&now).await;
    tests::until(&format!("{kind} had its turn"), || async {
        let job = jobs().one(&yard.bed.db).await.unwrap().unwrap();
        (job.fence > before.fence && job.state.as_str() != "running").then_some(job)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_whose_end_is_looked_at_too_early_lives_until_its_deadline() {
    let yard = Yard::open().await;
    let offer = offered(&yard).await;

    let early = run_now(&yard, "expire_offer", offer.id).await;
    assert_eq!(
        (early.state.as_str(), early.attempt, early.error),
        ("ready", 0, None),
        "put off, and nothing is charged"
    );
    assert!((early.run_at - offer.expires_at).abs() < chrono::TimeDelta::seconds(5), "{} is not then", early.run_at);
    assert_eq!(yard.offer().await.id, offer.id);
    done(yard.accept(&offer).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_closed_when_its_wish_has_passed_and_no_offer_of_it_is_open() {
    let yard = Yard::open().await;
    let [had, waits] = yard.customers().await;
    let car = yard.car().await;
    let taken = yard.book(had, car, 10, 12).await;
    let entry = yard.wait(waits, car, 10, 12).await;
    jobs::ledger::accept(&yard.bed.db, &NewJob::new(&CloseEntry { entry_id: entry, again: false })).await.unwrap();

    let early = run_now(&yard, "close_entry", entry).await;
    assert_eq!((early.state.as_str(), early.attempt, yard.state(entry).await.as_str()), ("ready", 0, "waiting"));
    yard.cancel(taken, had).await;
    let offer = yard.offer().await;
    yard.bed.run(&format!("update waitlist_entry set latest_start = now() where id = '{entry}'")).await;
    assert_eq!(run_now(&yard, "close_entry", entry).await.state.as_str(), "ready", "an open offer comes first");
    assert_eq!(yard.state(entry).await, "offered");
    done(yard.decline(&offer).await);
    assert_eq!(run_now(&yard, "close_entry", entry).await.state.as_str(), "done");
    assert_eq!((yard.state(entry).await.as_str(), yard.told("waitlist_closed", entry).await), ("closed", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_whose_end_was_put_aside_ends_by_the_clock() {
    let yard = Yard::open().await;
    let offer = offered(&yard).await;
    let aside = format!("update job set state = 'cancelled', finished_at = now() where dedupe_key = '{}'", offer.id);
    yard.bed.run(&aside).await;
    yard.run_out(offer.id).await;
    let (db, place, stop) = (yard.bed.db.clone(), yard.bed.settings.ticket_place(), yard.bed.stop.clone());
    tokio::spawn(async move { workers::clock::keep_time(&db, &place, 30, stop).await });
    yard.bed
        .until(&format!("select count(*) from waitlist_offer where id = '{}' and state = 'expired'", offer.id), 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_again_for_a_car_that_retires_at_that_moment() {
    let yard = Yard::open().await;
    let [had, waits] = yard.customers().await;
    let car = yard.car().await;
    yard.book(had, car, 10, 12).await;
    let entry = yard.wait(waits, car, 10, 12).await;
    yard.settle().await;
    yard.bed.run(&format!("update waitlist_entry set state = 'lapsed' where id = '{entry}'")).await;

    let retiring = yard.bed.db.begin().await.unwrap();
    retiring.execute_unprepared(&format!("update car set status = 'retired' where id = '{car}'")).await.unwrap();
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let retired = async {
        yard.bed.until(waiting, 1).await;
        retiring.commit().await.unwrap();
    };
    let again = RejoinWaitlist { entry_id: entry, customer_id: waits };
    let (outcome, ()) = tokio::join!(yard.bed.ask(&again), retired);
    assert_eq!(refused(outcome).code, "car_not_in_service");
}
