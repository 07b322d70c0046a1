//! The waitlist, as somebody who waits would say it.

mod again;
mod metric;
mod model;
mod race;
mod scale;
mod staff;
mod yard;

use chrono::TimeDelta;
use jobs::{
    booking::{ExtendBooking, RequestBooking},
    waitlist::{LeaveWaitlist, RejoinWaitlist, Target, Wish},
};
use rules::car::Category;
use serde_json::json;
use tests::{done, house::noon, refused};
use uuid::Uuid;

use self::yard::{Yard, accept, booking, compact, join, window};

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_is_offered_to_the_first_who_waits_and_accepting_it_is_a_booking() {
    let yard = Yard::open().await;
    let [had, first, second] = yard.customers().await;
    let car = yard.car().await;
    let taken = yard.book(had, car, 10, 12).await;
    let (ahead, behind) = (yard.wait(first, car, 10, 12).await, yard.wait(second, car, 10, 12).await);
    assert_eq!(yard.told("waitlist_joined", ahead).await, 1);

    yard.cancel(taken, had).await;
    let offer = yard.offer().await;
    assert_eq!((offer.entry_id, offer.exact, offer.total), (ahead, true, 11_900));
    assert_eq!(yard.told("offer_made", offer.id).await, 1);
    assert_eq!(refused(yard.bed.ask(&booking(had, car, noon(10), noon(12))).await).code, "car_taken", "it is held");

    let asked = accept(&offer);
    let booked = done(yard.bed.ask(&asked).await);
    assert_eq!((&booked["status"], &booked["totalPrice"]["amount"]), (&json!("Confirmed"), &json!(11_900)));
    let entry = yard.entry(ahead).await;
    assert_eq!((entry.state.0.as_str(), entry.booking_id), ("fulfilled", Some(asked.booking_id)));
    assert_eq!(done(yard.bed.ask(&accept(&offer)).await), booked, "twice is the same booking");
    assert_eq!(yard.state(behind).await, "waiting");
    assert_eq!(yard.bed.number("select count(*) from reservation where offer_id is not null").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_who_are_silent_are_told_and_the_fourth_has_the_car() {
    let yard = Yard::open().await;
    let [had, a, b, c, d] = yard.customers().await;
    let car = yard.car().await;
    let taken = yard.book(had, car, 10, 12).await;
    let mut entries = Vec::new();
    for person in [a, b, c, d] {
        entries.push(yard.wait(person, car, 10, 12).await);
    }
    yard.cancel(taken, had).await;
    for silent in &entries[..3] {
        let offer = yard.offer().await;
        assert_eq!(offer.entry_id, *silent);
        yard.run_out(offer.id).await;
        yard.bed
            .until(&format!("select count(*) from waitlist_offer where id = '{}' and state = 'expired'", offer.id), 1)
            .await;
        assert_eq!(yard.told("offer_expired", offer.id).await, 1);
    }
    let offer = yard.offer().await;
    assert_eq!(offer.entry_id, entries[3]);
    done(yard.accept(&offer).await);
    let told = |news: &str| format!("select count(*) from job where kind = 'announce' and payload->>'news' = '{news}'");
    for (news, times) in [("offer_made", 4), ("offer_expired", 3), ("booking_confirmed", 2), ("waitlist_lapsed", 0)] {
        assert_eq!(yard.bed.number(&told(news)).await, times, "{news}");
    }
    let places = "select count(*) from waitlist_entry where state = 'waiting' and missed = 1";
    assert_eq!(yard.bed.number(places).await, 3, "silent once is forgiven, at the tail");
    assert_eq!(yard.offers().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_twice_lapses_and_one_click_waits_again_at_the_tail() {
    let yard = Yard::open().await;
    let [had, alone, later] = yard.customers().await;
    let car = yard.car().await;
    let taken = yard.book(had, car, 10, 12).await;
    let entry = yard.wait(alone, car, 10, 12).await;
    yard.cancel(taken, had).await;
    for _ in 0..2 {
        let offer = yard.offer().await;
        yard.run_out(offer.id).await;
        yard.bed
            .until(&format!("select count(*) from waitlist_offer where id = '{}' and state = 'expired'", offer.id), 1)
            .await;
    }
    yard.settle().await;
    assert_eq!((yard.state(entry).await.as_str(), yard.told("waitlist_lapsed", entry).await), ("lapsed", 1));

    let taken = yard.book(had, car, 10, 12).await;
    let behind = yard.wait(later, car, 10, 12).await;
    let rejoin = |customer_id| RejoinWaitlist { entry_id: entry, customer_id };
    assert_eq!(refused(yard.bed.ask(&rejoin(later)).await).code, "not_found");
    let document = done(yard.bed.ask(&rejoin(alone)).await);
    assert_eq!(
        (&document["state"], &document["position"], &document["missed"]),
        (&json!("waiting"), &json!(2), &json!(0))
    );
    yard.cancel(taken, had).await;
    assert_eq!(yard.offer().await.entry_id, behind);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_fit_is_skipped_and_keeps_the_place() {
    let yard = Yard::open().await;
    let [had, long, short] = yard.customers().await;
    let car = yard.car().await;
    let (first, second) = (yard.book(had, car, 10, 12).await, yard.book(had, car, 13, 16).await);
    let (long, short) = (yard.wait(long, car, 10, 16).await, yard.wait(short, car, 10, 12).await);
    let place = yard.entry(long).await.seq;

    yard.cancel(first, had).await;
    let offer = yard.offer().await;
    assert_eq!((offer.entry_id, yard.entry(long).await.seq), (short, place));
    done(yard.decline(&offer).await);
    yard.cancel(second, had).await;
    assert_eq!(yard.offer().await.entry_id, long);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_declines_keeps_the_place_and_is_not_asked_the_same_again() {
    let yard = Yard::open().await;
    let [had, first, second] = yard.customers().await;
    let (car, other) = (yard.car().await, yard.car().await);
    let (taken, also) = (yard.book(had, car, 10, 12).await, yard.book(had, other, 10, 12).await);
    let (ahead, behind) = (yard.wait_for_class(first, 10, 12).await, yard.wait_for_class(second, 10, 12).await);

    yard.cancel(taken, had).await;
    let offer = yard.offer().await;
    assert_eq!(done(yard.decline(&offer).await)["state"], "declined");
    assert_eq!(done(yard.decline(&offer).await)["state"], "declined", "twice is once");
    assert_eq!(refused(yard.accept(&offer).await).code, "illegal_state");
    assert_eq!(yard.offer().await.entry_id, behind);

    yard.cancel(also, had).await;
    let offers = yard.offers().await;
    assert_eq!((offers[1].entry_id, offers[1].car_id), (ahead, other), "another car is another offer");
    assert_eq!(yard.told("offer_declined", offer.id).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_be_booked_now_is_not_waited_for() {
    let yard = Yard::open().await;
    let [had, person] = yard.customers().await;
    let (car, free) = (yard.car().await, yard.car_of(Category::Compact, 4_000).await);
    yard.book(had, car, 10, 12).await;

    let refusal = refused(yard.bed.ask(&join(person, compact(false), window(10, 12))).await);
    assert_eq!((refusal.code.as_str(), refusal.extra["carId"].clone()), ("bookable_now", json!(free)));
    assert_eq!(
        (&refusal.extra["totalPrice"]["amount"], &refusal.extra["startDate"]),
        (&json!(9_520), &json!(noon(10)))
    );

    let mut capped = join(person, compact(false), window(10, 12));
    capped.price_cap = Some(9_000);
    yard.join(capped).await;
    assert_eq!(yard.offers().await.len(), 0, "nobody is offered what is above their cap");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_twice_for_one_thing_or_for_six_or_when_they_may_not_rent() {
    let yard = Yard::open().await;
    let [had, person, alias, suspended] = yard.customers().await;
    yard.bed.run(&format!("update account set email = 'one@example.com' where id = '{person}'")).await;
    yard.bed.run(&format!("update account set email = 'one+cars@example.com' where id = '{alias}'")).await;
    yard.bed.run(&format!("update account set suspended_at = now() where id = '{suspended}'")).await;
    let car = yard.car().await;
    yard.book(had, car, 10, 30).await;
    yard.wait(person, car, 10, 12).await;

    let ask = |who, from, to| join(who, Target::Car { car_id: car }, window(from, to));
    assert_eq!(refused(yard.bed.ask(&ask(person, 11, 13)).await).code, "already_waiting");
    assert_eq!(refused(yard.bed.ask(&ask(alias, 11, 13)).await).code, "already_waiting", "an alias is the same person");
    assert_eq!(refused(yard.bed.ask(&ask(suspended, 11, 13)).await).code, "not_eligible");
    for from in [12, 14, 16, 18] {
        yard.wait(person, car, from, from + 1).await;
    }
    assert_eq!(refused(yard.bed.ask(&ask(alias, 20, 21)).await).code, "too_many_entries");
    let late = refused(yard.bed.ask(&ask(had, -2, 40)).await);
    assert_eq!(late.errors.iter().map(|reason| reason.pointer.as_str()).collect::<Vec<_>>(), ["/from", "/to"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_with_an_offer_in_hand_gives_it_to_the_next() {
    let yard = Yard::open().await;
    let [had, first, second] = yard.customers().await;
    let car = yard.car().await;
    let taken = yard.book(had, car, 10, 12).await;
    let (ahead, behind) = (yard.wait(first, car, 10, 12).await, yard.wait(second, car, 10, 12).await);
    yard.cancel(taken, had).await;
    let offer = yard.offer().await;

    assert_eq!(refused(yard.bed.ask(&LeaveWaitlist { entry_id: ahead, left_by: second }).await).code, "not_found");
    let left = done(yard.bed.ask(&LeaveWaitlist { entry_id: ahead, left_by: first }).await);
    assert_eq!((&left["state"], &left["offer"]), (&json!("left"), &json!(null)));
    assert_eq!(yard.offer().await.entry_id, behind);
    assert_eq!(refused(yard.accept(&offer).await).code, "already_taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_said_so_waits_instead_of_being_refused() {
    let yard = Yard::open().await;
    let [had, person] = yard.customers().await;
    let car = yard.car().await;
    let taken = yard.book(had, car, 10, 12).await;
    let entry_id = Uuid::now_v7();
    let asked = RequestBooking { join_waitlist: Some(entry_id), ..booking(person, car, noon(10), noon(12)) };
    let document = done(yard.bed.ask(&asked).await);
    assert_eq!(
        (&document["id"], &document["state"], &document["position"]),
        (&json!(entry_id), &json!("waiting"), &json!(1))
    );

    let again = RequestBooking { join_waitlist: Some(Uuid::now_v7()), ..booking(person, car, noon(10), noon(12)) };
    let refusal = refused(yard.bed.ask(&again).await);
    assert_eq!((refusal.code.as_str(), refusal.errors[0].pointer.as_str()), ("car_taken", "/joinWaitlist"));
    yard.cancel(taken, had).await;
    assert_eq!(yard.offer().await.entry_id, entry_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_latest_start_that_nobody_could_book_is_refused_with_the_right_reason() {
    let yard = Yard::open().await;
    let person = yard.customer().await;
    for (ahead, reason) in
        [(TimeDelta::minutes(5), "1 hour from now at the earliest"), (TimeDelta::days(400), "12 months")]
    {
        let wish = Wish::Asap { days: 2, latest_start: chrono::Utc::now() + ahead };
        let refusal = refused(yard.bed.ask(&join(person, compact(false), wish)).await);
        assert_eq!(refusal.errors[0].pointer, "/asap/latestStart");
        assert!(refusal.errors[0].message.contains(reason), "{refusal:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_or_a_shifted_start_is_offered_to_those_who_welcome_it_and_says_so() {
    let yard = Yard::open().await;
    let [had, rigid, partial] = yard.customers().await;
    let car = yard.car().await;
    let taken = yard.book(had, car, 10, 12).await;
    yard.book(had, car, 13, 16).await;
    yard.wait(rigid, car, 10, 14).await;
    let wish = Wish::Window { start: noon(10), end: noon(14), flexibility_minutes: 0, min_days: Some(2) };
    let entry = yard.join(join(partial, Target::Car { car_id: car }, wish)).await;

    yard.cancel(taken, had).await;
    let offer = yard.offer().await;
    assert_eq!((offer.entry_id, offer.exact, offer.starts_at), (entry, false, noon(10)));
    assert_eq!(offer.ends_at, noon(13) - TimeDelta::hours(1), "the turnaround fits too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_better_car_is_offered_at_the_price_of_the_class_to_those_who_welcome_it() {
    let yard = Yard::open().await;
    let [had, plain, open] = yard.customers().await;
    let (car, better) = (yard.car().await, yard.car_of(Category::Luxury, 20_000).await);
    yard.book(had, car, 10, 12).await;
    yard.wait_for_class(plain, 10, 12).await;
    let entry = yard.join(join(open, compact(true), window(10, 12))).await;
    let offer = yard.offer().await;
    assert_eq!((offer.entry_id, offer.car_id, offer.total, offer.exact), (entry, better, 11_900, false));

    let booking_id = done(yard.accept(&offer).await)["id"].as_str().unwrap().parse().unwrap();
    let longer = ExtendBooking { booking_id, extended_by: open, end: noon(13) };
    assert_eq!(
        done(yard.bed.ask(&longer).await)["totalPrice"]["amount"],
        17_850,
        "a day more at the price of the class"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_cap_has_the_currency_of_the_cars_that_are_wanted() {
    let yard = Yard::open().await;
    let [had, person] = yard.customers().await;
    let car = yard.car().await;
    yard.bed.run("update car set currency = 'SEK'").await;
    let taken = yard.book(had, car, 10, 12).await;
    for (target, days) in [(compact(false), 10), (Target::Car { car_id: car }, 11)] {
        let mut capped = join(person, target, window(days, 12));
        capped.price_cap = Some(12_000);
        let document = done(yard.bed.ask(&capped).await);
        assert_eq!((&document["priceCap"], &document["priceCapCurrency"]), (&json!(12_000), &json!("SEK")));
    }
    yard.settle().await;
    yard.bed.run("update car set currency = 'EUR'").await;
    yard.cancel(taken, had).await;
    assert_eq!(yard.offers().await.len(), 0, "120.00 SEK are no answer to a price in EUR");
    yard.bed.run("update car set currency = 'SEK'").await;
    yard.promote(car).await;
    assert_eq!(yard.offer().await.currency, "SEK");
}
