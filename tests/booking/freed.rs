//! A car has free time, and somebody was promised one and has none.

use jobs::{Queue, booking::CancelBooking};
use uuid::Uuid;

use super::overdue::Yard;

/// The next customer has no car, and another one, which somebody waits for, is booked; then it frees up.
async fn freed(meanwhile: &str) -> (Yard, Uuid) {
    let yard = Yard::open(35, 30).await;
    yard.bed.work(Queue::Waitlist, workers::registry()).await;
    let (other, taken, waits) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    yard.car(other, "compact", 5).await;
    yard.booking(taken, other, "Confirmed", 20, 4_500).await;
    yard.bed
        .run(&format!(
            "insert into account (id, email, name, password_hash, role) values ('{waits}', '{waits}@x.org', 'A', '-', 'customer');
             insert into waitlist_entry (id, customer_id, car_id, kind, starts_at, ends_at, latest_start, earliest_end, least_minutes)
             select gen_random_uuid(), '{waits}', '{other}', 'window', at, at + interval '1 day', at, at + interval '1 day', 1440
             from (select now() + interval '200 minutes' as at) wish"
        ))
        .await;
    yard.check().await;
    yard.settled().await;
    assert_eq!((yard.told("conflict_unresolved").await, yard.row(yard.next).await.car_id), (1, yard.car));
    yard.bed.run(meanwhile).await;
    yard.ask(&CancelBooking { booking_id: taken, cancelled_by: yard.customer, reason: None, house_fault: false }).await;
    let busy = "select count(*) from job where queue in ('booking', 'waitlist') and state in ('ready', 'running') and run_at <= now()";
    yard.bed.until(busy, 0).await;
    (yard, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_promised_a_car_gets_the_next_that_frees_up_before_those_who_wait() {
    let (yard, other) = freed("select 1").await;
    assert_eq!((yard.row(yard.next).await.car_id, yard.told("booking_moved").await), (other, 1));
    assert_eq!(yard.bed.number("select count(*) from waitlist_offer").await, 0, "the time was left to the booking");
    assert_eq!(yard.told("conflict_unresolved").await, 1, "nobody is told twice to call");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_that_nobody_was_promised_goes_to_those_who_wait() {
    let back = "update booking set status = 'Completed', ends_at = now() + interval '1 minute' where status = 'Active'";
    let (yard, _) = freed(back).await;
    assert_eq!((yard.row(yard.next).await.car_id, yard.told("booking_moved").await), (yard.car, 0));
    assert_eq!(yard.bed.number("select count(*) from waitlist_offer where state = 'offered'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_promised_a_car_gets_it_although_nobody_is_offered_any() {
    let (yard, other) = freed("update branch set waitlist_paused_at = now()").await;
    assert_eq!((yard.row(yard.next).await.car_id, yard.told("booking_moved").await), (other, 1));
    assert_eq!(yard.bed.number("select count(*) from waitlist_offer").await, 0);
}
