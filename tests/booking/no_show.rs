//! A customer who does not come, and one for whom the house has no car.

use chrono::TimeDelta;
use jobs::booking::ReleaseNoShow;
use serde_json::Value;
use uuid::Uuid;

use super::overdue::Yard;

/// The customer should have come more than two hours ago; their car is still out.
async fn late() -> Yard {
    Yard::open(200, -130).await
}

async fn release(yard: &Yard) -> Value {
    let start = Some(yard.row(yard.next).await.starts_at);
    yard.ask(&ReleaseNoShow { booking_id: yard.next, start }).await
}

async fn status(yard: &Yard) -> String {
    yard.row(yard.next).await.status.0.to_string()
}

/// The car that was out is back; what it looks like nobody has decided yet.
async fn bring_back(yard: &Yard, state: &str) {
    let (out, car, customer) = (yard.out, yard.car, yard.customer);
    yard.bed
        .run(&format!(
            "update booking set status = 'Returned' where id = '{out}';
             insert into rental_return (id, booking_id, car_id, state, opened_by, returned_at)
             values ('{}', '{out}', '{car}', '{state}', '{customer}', now())",
            Uuid::now_v7()
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_come_for_a_car_that_stands_there_is_charged_a_day() {
    let yard = late().await;
    bring_back(&yard, "decided").await;
    release(&yard).await;
    assert_eq!((status(&yard).await.as_str(), yard.told("booking_no_show").await), ("NoShow", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_could_not_have_the_car_is_no_no_show_and_somebody_calls() {
    for why in ["out", "uncleared", "unsafe"] {
        let yard = late().await;
        match why {
            "uncleared" => bring_back(&yard, "reported").await,
            "unsafe" => {
                bring_back(&yard, "decided").await;
                yard.bed.run("update car set status = 'workshop'").await;
            }
            _ => {}
        }
        release(&yard).await;
        assert_eq!(status(&yard).await, "Confirmed", "{why}");
        assert_eq!((yard.told("conflict_unresolved").await, yard.told("booking_no_show").await), (1, 0), "{why}");
        let held = format!("select count(*) from reservation where booking_id = '{}'", yard.next);
        assert_eq!(yard.bed.number(&held).await, 1, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_whose_dates_were_changed_is_looked_at_again_when_they_have_come() {
    let yard = late().await;
    bring_back(&yard, "decided").await;
    let start = yard.row(yard.next).await.starts_at - TimeDelta::days(1);
    let early = yard.ask(&ReleaseNoShow { booking_id: yard.next, start: Some(start) }).await;
    assert_eq!(early["skipped"], "the booking has other dates");
    yard.keep_time().await;
    yard.bed.until("select count(*) from booking where status = 'NoShow'", 1).await;
}
