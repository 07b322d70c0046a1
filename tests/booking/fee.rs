//! What a late cancellation costs stays what it costs, whatever is changed first.

use serde_json::json;

use super::change::Yard;

/// A luxury car for three days of 300.00 EUR, which begin in three hours, and a car for 10.00 EUR.
async fn dear_and_late() -> Yard {
    let yard = Yard::open().await;
    let sql = format!(
        "update car set price_per_day = 30000, category = 'luxury' where id = '{}';
         update car set price_per_day = 1000 where id = '{}'",
        yard.car, yard.other
    );
    yard.house.bed.run(&sql).await;
    let end = tests::house::noon(13);
    assert_eq!(yard.change(json!({ "endDate": end })).await.body["totalPrice"]["amount"], 107_100);
    let soon = format!(
        "update booking set starts_at = now() + interval '3 hours', ends_at = now() + interval '75 hours',
                created_at = now() - interval '2 days' where id = '{}'",
        yard.booking
    );
    yard.house.bed.run(&soon).await;
    yard
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_is_not_escaped_by_way_of_a_cheap_car_a_short_rental_or_another_currency() {
    let yard = dear_and_late().await;
    let before = yard.shown().await;
    let cheap = yard.change(json!({ "carId": yard.other })).await;
    assert_eq!((cheap.status.as_u16(), cheap.code()), (409, "too_late"), "{cheap:?}");
    let words = cheap.body["detail"].as_str().unwrap();
    assert!(words.contains("costs 357.00 EUR by now") && words.contains("it would cost 35.70 EUR"), "{words}");
    let by_staff = yard.change_as(&yard.admin, json!({ "carId": yard.other })).await;
    assert_eq!(by_staff.code(), "too_late", "{by_staff:?}");

    let yen = format!("update car set price_per_day = 900000, currency = 'JPY' where id = '{}'", yard.other);
    yard.house.bed.run(&yen).await;
    assert_eq!(yard.change(json!({ "carId": yard.other })).await.code(), "too_late");
    assert_eq!(yard.shown().await, before, "nothing is changed");
    assert_eq!(yard.cancel().await.body["cancellation"]["fee"]["amount"], 35_700);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_house_may_give_a_cheap_car_and_then_takes_no_more_for_it() {
    let yard = dear_and_late().await;
    let given = yard.change_as(&yard.admin, json!({ "carId": yard.other, "houseFault": true })).await;
    assert_eq!(given.body["totalPrice"]["amount"], 3_570, "{given:?}");
    let end = chrono::Utc::now() + chrono::TimeDelta::hours(99);
    let longer = yard.change(json!({ "endDate": end })).await;
    assert_eq!(longer.body["totalPrice"]["amount"], 4_760, "one more day: {longer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_brings_the_start_near_has_an_hour_to_think_again() {
    let yard = Yard::open().await;
    yard.house.bed.run("update booking set created_at = now() - interval '2 days'").await;
    let far = yard.shown().await;
    let tonight = chrono::Utc::now() + chrono::TimeDelta::hours(3);
    assert_eq!(yard.change(json!({ "startDate": tonight })).await.status, 200);
    let back = yard.change(json!({ "startDate": far["startDate"] })).await;
    assert_eq!(back.status, 200, "{back:?}");
    assert_eq!(yard.house.bed.number("select count(*) from booking where closed_at is null").await, 1);

    assert_eq!(yard.change(json!({ "startDate": tonight })).await.status, 200);
    yard.house.bed.run("update booking set near_since = near_since - interval '61 minutes'").await;
    assert_eq!(yard.change(json!({ "startDate": far["startDate"] })).await.status, 200);
    assert_eq!(yard.cancel().await.body["cancellation"]["fee"]["amount"], 5_950, "the hour was over");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_overdue_car_can_be_kept_until_lies_ahead() {
    let yard = Yard::open().await;
    yard.on_the_road(-600, -60).await;
    let customer = yard.house.customer().await;
    let next = yard.house.book(&customer, yard.car, 5).await;
    let soon = format!(
        "update reservation set starts_at = now() + interval '30 minutes' where booking_id = '{}'",
        next.body["id"].as_str().unwrap()
    );
    yard.house.bed.run(&soon).await;
    let taken = yard.extend(6).await;
    assert_eq!((taken.code(), &taken.body["alternatives"]), ("car_taken", &json!([])), "half an hour ago is no end");
}
