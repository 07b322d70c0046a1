//! A car will not be there for its next customer: another car, or somebody who calls.

use jobs::Queue;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::json;
use uuid::Uuid;

use super::{fleet, overdue::Yard};

#[tokio::test(flavor = "multi_thread")]
async fn when_nothing_is_free_somebody_is_told_whom_to_call() {
    let yard = Yard::open(35, 30).await;
    yard.car(Uuid::now_v7(), "economy", 5).await;
    yard.check().await;
    yard.settled().await;
    assert_eq!(yard.row(yard.next).await.car_id, yard.car, "the booking stays as it was");
    assert_eq!((yard.told("conflict_unresolved").await, yard.told("booking_moved").await), (1, 0));
    yard.resolve(99).await;
    assert_eq!(yard.told("conflict_unresolved").await, 2, "another danger of the same booking is another call");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_bookings_of_an_unsafe_car_are_moved_too() {
    let yard = Yard::open(-60, 600).await;
    let other = Uuid::now_v7();
    yard.car(other, "compact", 5).await;
    assert!(yard.resolve(1).await["skipped"].is_string());
    yard.bed.run(&format!("update car set status = 'quarantined' where id = '{}'", yard.car)).await;
    assert_eq!(yard.resolve(2).await["carId"], json!(other));
    assert_eq!(yard.bed.number("select count(*) from booking_change where reason = 'unsafe'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_that_goes_to_another_branch_meanwhile_does_not_stand_in() {
    let yard = Yard::open(35, 30).await;
    let (other, elsewhere) = (Uuid::now_v7(), Uuid::now_v7());
    yard.car(other, "compact", 5).await;
    yard.bed.run(&format!("insert into branch (id, name, time_zone) values ('{elsewhere}', 'Elsewhere', 'UTC')")).await;
    let moving = yard.bed.db.begin().await.unwrap();
    let moves = format!("update car set branch_id = '{elsewhere}' where id = '{other}'");
    moving.execute_unprepared(&moves).await.unwrap();
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let moved = async {
        yard.bed.until(waits, 1).await;
        moving.commit().await.unwrap();
    };
    let (resolved, ()) = tokio::join!(yard.resolve(1), moved);
    assert!(resolved["unresolved"].is_string(), "{resolved}");
    assert_eq!(yard.row(yard.next).await.car_id, yard.car);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_a_second_car_is_called_again_and_no_edit_of_the_car_is_news() {
    let (house, admin, first) = fleet::open().await;
    let customer = house.customer().await;
    let booked = house.book(&customer, first, 1).await;
    assert_eq!(booked.status, 201, "{booked:?}");
    let calls = "select count(*) from job where kind = 'announce' and payload->>'news' = 'conflict_unresolved'";
    fleet::patch(&house, &admin, first, json!({ "status": "quarantined" })).await;
    house.bed.until(calls, 1).await;

    // Two new cars are at the same version when they go out of service.
    let second = house.car(&admin).await;
    house.bed.until(&format!("select count(*) from booking where car_id = '{second}'"), 1).await;
    fleet::patch(&house, &admin, second, json!({ "status": "quarantined" })).await;
    house.bed.until(calls, 2).await;

    for edit in ["one", "two"] {
        let edited = fleet::patch(&house, &admin, second, json!({ "description": edit })).await;
        assert_eq!(edited.status, 200, "{edited:?}");
    }
    // The clock forgets old links last.
    let link = "insert into link (hash, scope, subject_id, account_id, expires_at)
                select '\\x00', 'offer', id, id, now() - interval '31 days' from account limit 1";
    house.bed.run(link).await;
    let (db, place, stop) = (house.bed.db.clone(), house.bed.settings.ticket_place(), house.bed.stop.clone());
    tokio::spawn(async move { workers::clock::keep_time(&db, &place, 30, stop).await });
    house.bed.until("select count(*) from link where expires_at < now() - interval '30 days'", 0).await;
    house
        .bed
        .until("select count(*) from job where kind = 'resolve_conflict' and state in ('ready', 'running')", 0)
        .await;
    assert_eq!(house.bed.number(calls).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_called_about_a_booking_that_has_a_good_car_by_then() {
    let yard = Yard::open(35, 30).await;
    yard.resolve(1).await;
    let other = Uuid::now_v7();
    yard.car(other, "luxury", 5).await;
    yard.bed.run(&format!("update booking set car_id = '{other}' where id = '{}'", yard.next)).await;
    yard.bed.work(Queue::Notify, workers::registry()).await;
    yard.bed.until("select count(*) from job where kind = 'announce' and outcome::text like '%no longer so%'", 1).await;
    assert_eq!(yard.bed.number("select count(*) from notification").await, 0);
}
