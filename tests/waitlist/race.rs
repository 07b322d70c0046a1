//! Those who want the same at the same moment.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use entity::waitlist_offer;
use futures::future::join_all;
use jobs::{NewJob, Outcome, Queue, booking::CancelBooking, ledger, waitlist::PromoteWaitlist};
use sea_orm::EntityTrait;
use tests::{done, house::noon, refused};
use uuid::Uuid;

use super::yard::{Yard, accept, booking};

/// Offers of so many cars, all alive.
async fn offered(yard: &Yard, cars: usize) -> Vec<waitlist_offer::Model> {
    let had = yard.customer().await;
    for _ in 0..cars {
        let (car, waits) = (yard.car().await, yard.customer().await);
        let taken = yard.book(had, car, 10, 12).await;
        yard.wait(waits, car, 10, 12).await;
        yard.cancel(taken, had).await;
    }
    let offers = yard.offers().await;
    assert_eq!(offers.len(), cars);
    offers
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_ends_at_its_last_moment_even_if_nobody_has_swept_it_yet() {
    let yard = Yard::open().await;
    let offer = offered(&yard, 1).await.remove(0);
    let now = "update waitlist_offer set created_at = created_at - interval '1 day', expires_at = clock_timestamp()";
    yard.bed.run(now).await;
    assert_eq!(refused(yard.accept(&offer).await).code, "offer_expired");
    assert_eq!(refused(yard.decline(&offer).await).code, "offer_expired");
    assert_eq!(yard.bed.number("select count(*) from booking where status = 'Confirmed'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn accepting_at_the_last_moment_is_a_booking_or_too_late_and_never_both() {
    let yard = Yard::open().await;
    let offers = offered(&yard, 12).await;
    let moment = Utc::now() + TimeDelta::milliseconds(1_500);
    yard.bed
        .run(&format!(
            "update waitlist_offer set expires_at = '{moment}';
             update reservation set expires_at = '{moment}' where offer_id is not null;
             update job set run_at = '{moment}' where kind = 'expire_offer'"
        ))
        .await;
    let early = |number: usize| moment - TimeDelta::milliseconds(if number.is_multiple_of(2) { 1 } else { 200 });
    let asked: Vec<_> = offers.iter().enumerate().map(|(n, offer)| NewJob::new(&accept(offer)).at(early(n))).collect();
    ledger::insert(&yard.bed.db, &asked).await.unwrap();
    // Whoever was silent is alone in the queue, and asked again.
    let open = format!("select count(*) from waitlist_offer where state = 'offered' and expires_at <= '{moment}'");
    yard.bed.until(&open, 0).await;
    yard.settle().await;

    for offer in &offers {
        let (booked, entry) = (
            format!("select count(*) from booking where car_id = '{}' and status = 'Confirmed'", offer.car_id),
            yard.entry(offer.entry_id).await,
        );
        let ended = waitlist_offer::Entity::find_by_id(offer.id).one(&yard.bed.db).await.unwrap().unwrap();
        let accepted = ended.state.0.as_str() == "accepted";
        assert!(accepted || ended.state.0.as_str() == "expired", "{ended:?}");
        assert_eq!(yard.bed.number(&booked).await, i64::from(accepted));
        assert_eq!((entry.state.0.as_str() == "fulfilled", entry.missed == 0), (accepted, accepted));
    }
    assert_eq!(yard.overlaps().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_freed_cars_go_to_the_first_ten_of_a_hundred_whoever_promotes() {
    let yard = Yard::open().await;
    let had = yard.customer().await;
    let mut cars = Vec::new();
    for _ in 0..10 {
        let car = yard.car().await;
        yard.book(had, car, 10, 12).await;
        cars.push(car);
    }
    let mut entries = Vec::new();
    for number in 0..50 {
        let person = yard.customer().await;
        entries.push(yard.wait_for_class(person, 10, 12).await);
        // Everybody waits for one car in particular too.
        entries.push(yard.wait(person, cars[number % 10], 10, 12).await);
    }
    yard.bed.run("delete from reservation; update booking set status = 'Cancelled'").await;
    yard.bed.work(Queue::Waitlist, workers::registry()).await;
    let twice: Vec<_> = cars.iter().chain(&cars).map(|car| NewJob::new(&PromoteWaitlist::new(*car))).collect();
    ledger::insert(&yard.bed.db, &twice).await.unwrap();

    let offers = yard.offers().await;
    let people: HashSet<_> = offers.iter().map(|offer| offer.customer_id).collect();
    assert_eq!((offers.len(), people.len()), (10, 10), "one car each: {offers:#?}");
    let first: HashSet<_> = entries[..20].iter().collect();
    assert!(offers.iter().all(|offer| first.contains(&offer.entry_id)), "the first ten people are served");
    assert_eq!(yard.bed.number("select count(distinct car_id) from waitlist_offer").await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_first_after_a_cancellation_has_the_car_alone() {
    let yard = Yard::open().await;
    yard.bed.work(Queue::Booking, workers::registry()).await;
    let (had, stranger) = (yard.customer().await, yard.customer().await);
    let mut rounds = Vec::new();
    for _ in 0..10 {
        let (car, waits) = (yard.car().await, yard.customer().await);
        let taken = yard.book(had, car, 10, 12).await;
        rounds.push((car, taken, yard.wait(waits, car, 10, 12).await));
    }
    let race = |car: Uuid, taken: Uuid| {
        let yard = &yard;
        async move {
            let cancel = CancelBooking { booking_id: taken, cancelled_by: had, reason: None, house_fault: false };
            let (promote, book) = (PromoteWaitlist::new(car), booking(stranger, car, noon(10), noon(12)));
            let (cancelled, _, booked) =
                tokio::join!(yard.bed.ask(&cancel), yard.bed.ask(&promote), yard.bed.ask(&book));
            done(cancelled);
            matches!(booked, Outcome::Done { .. })
        }
    };
    let booked = join_all(rounds.iter().map(|(car, taken, _)| race(*car, *taken))).await;
    yard.settle().await;
    for ((car, _, entry), booked) in rounds.iter().zip(booked) {
        let held = format!("select count(*) from reservation where resource_id = '{car}' and purpose = 'offer'");
        assert_eq!(yard.bed.number(&held).await, i64::from(!booked), "the stranger or the one who waited");
        assert_eq!(yard.state(*entry).await, if booked { "waiting" } else { "offered" });
    }
    assert_eq!(yard.overlaps().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_who_want_what_is_offered_to_somebody_get_nothing() {
    let yard = Yard::open().await;
    let offer = offered(&yard, 1).await.remove(0);
    let stranger = yard.customer().await;
    let dates: (DateTime<Utc>, DateTime<Utc>) = (offer.starts_at, offer.ends_at);
    let asks: Vec<_> = (0..50).map(|_| booking(stranger, offer.car_id, dates.0, dates.1)).collect();
    for outcome in join_all(asks.iter().map(|asked| yard.bed.ask(asked))).await {
        assert_eq!(refused(outcome).code, "car_taken");
    }
    done(yard.accept(&offer).await);
}
