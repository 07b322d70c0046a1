//! A car that is not back, and whoever was to have it next.

use chrono::{TimeDelta, Utc};
use jobs::{
    Job, Queue,
    booking::{CheckOverdue, EscalateOverdue, RequestBooking, ResolveConflict},
    rental::{Asker, ReturnCar},
};
use sea_orm::EntityTrait;
use serde_json::Value;
use tests::{Bed, QUOTE, done, refused};
use uuid::Uuid;

const BRANCH: &str = "00000000-0000-7000-8000-000000000001";

/// One car that is out, and the booking that follows it.
pub(super) struct Yard {
    pub(super) bed: Bed,
    pub(super) car: Uuid,
    pub(super) out: Uuid,
    pub(super) next: Uuid,
    pub(super) customer: Uuid,
    admin: Uuid,
}

impl Yard {
    /// The car was due so many minutes ago, and the next customer comes in so many minutes.
    pub(super) async fn open(due_ago: i64, next_in: i64) -> Self {
        let bed = tests::bed().await;
        let [car, out, next, customer, admin] = [(); 5].map(|()| Uuid::now_v7());
        let yard = Self { bed, car, out, next, customer, admin };
        for (id, role) in [(yard.customer, "customer"), (yard.admin, "admin")] {
            let sql = format!(
                "insert into account (id, email, name, password_hash, role) values ('{id}', '{id}@x.org', 'A', '-', '{role}')"
            );
            yard.bed.run(&sql).await;
        }
        yard.car(yard.car, "compact", 5).await;
        yard.booking(yard.out, yard.car, "Active", -3_000, -due_ago).await;
        yard.booking(yard.next, yard.car, "Confirmed", next_in, next_in + 3_000).await;
        yard.bed.work(Queue::Booking, workers::registry()).await;
        yard
    }

    pub(super) async fn car(&self, id: Uuid, category: &str, seats: i64) {
        let sql = format!(
            "insert into car (id, plate, make, model, year, category, seats, fuel_type, price_per_day, currency, branch_id)
             values ('{id}', '{id}', 'VW', 'Golf', 2024, '{category}', {seats}, 'petrol', 5000, 'EUR', '{BRANCH}')"
        );
        self.bed.run(&sql).await;
    }

    pub(super) async fn booking(&self, id: Uuid, car: Uuid, status: &str, from: i64, to: i64) {
        let customer = self.customer;
        let sql = format!(
            "insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status, quote,
                                  total, currency, plate)
             values ('{id}', '{id}', '{car}', '{customer}', '{BRANCH}', now() + interval '{from} minutes',
                     now() + interval '{to} minutes', 'UTC', '{status}', '{QUOTE}', 11900, 'EUR', '{car}');
             insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose, booking_id)
             select gen_random_uuid(), 'car', car_id, starts_at, ends_at + interval '1 hour', 'booking', id
             from booking where id = '{id}'"
        );
        self.bed.run(&sql).await;
    }

    pub(super) async fn row(&self, id: Uuid) -> entity::booking::Model {
        entity::booking::Entity::find_by_id(id).one(&self.bed.db).await.unwrap().unwrap()
    }

    pub(super) async fn ask(&self, asked: &impl Job) -> Value {
        done(self.bed.ask(asked).await)
    }

    pub(super) async fn check(&self) -> Value {
        let due = self.row(self.out).await.ends_at;
        self.ask(&CheckOverdue { booking_id: self.out, due }).await
    }

    pub(super) async fn resolve(&self, turn: i32) -> Value {
        self.ask(&ResolveConflict { booking_id: self.next, car_id: self.car, turn, freed: None }).await
    }

    /// Staff take back the car that is out.
    fn back(&self) -> ReturnCar {
        ReturnCar {
            return_id: Uuid::now_v7(),
            booking_id: Some(self.out),
            asker: Asker { account_id: self.admin, staff: true, ip: None, user_agent: None },
            odometer: 10,
            fuel: 0.5,
            photos: Vec::new(),
            without_photos_reason: Some("the photos are lost".to_owned()),
            accept_as_is: false,
            odometer_correction: None,
        }
    }

    pub(super) async fn settled(&self) {
        self.bed.until("select count(*) from job where queue = 'booking' and state in ('ready', 'running') and run_at <= now()", 0).await;
    }

    pub(super) async fn told(&self, news: &str) -> i64 {
        let sql = format!("select count(*) from job where kind = 'announce' and payload->>'news' = '{news}'");
        self.bed.number(&sql).await
    }

    pub(super) async fn keep_time(&self) {
        let (db, place) = (self.bed.db.clone(), self.bed.settings.ticket_place());
        let stop = self.bed.stop.clone();
        tokio::spawn(async move { workers::clock::keep_time(&db, &place, 30, stop).await });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overdue_car_is_marked_and_told_once_to_renter_and_staff() {
    let yard = Yard::open(1, 2_000).await;
    yard.keep_time().await;
    yard.bed.until("select count(*) from booking where overdue_at is not null", 1).await;
    yard.settled().await;
    let again = "update job set state = 'ready', finished_at = null where kind = 'check_overdue'";
    yard.bed.run(again).await;
    yard.settled().await;
    assert_eq!((yard.told("return_overdue").await, yard.told("car_overdue").await), (1, 1));
    assert_eq!(yard.bed.number("select count(*) from audit_log where action = 'check_overdue'").await, 1);
    assert_eq!(yard.row(yard.out).await.status.0.as_str(), "Active", "a fact, not a status");
    assert_eq!(yard.row(yard.next).await.car_id, yard.car, "who comes tomorrow is not in danger yet");
    let later = "select count(*) from job where kind = 'escalate_overdue' and run_at > now() + interval '23 hours'";
    assert_eq!(yard.bed.number(later).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admins_hear_of_a_car_that_is_out_for_a_day_longer_once() {
    let yard = Yard::open(1_500, 2_000).await;
    let due = yard.row(yard.out).await.ends_at;
    let escalate = EscalateOverdue { booking_id: yard.out, due };
    yard.ask(&escalate).await;
    assert_eq!(yard.told("overdue_escalated").await, 1);

    yard.bed
        .run("update booking set ends_at = now() + interval '1 hour' where status = 'Active'; delete from job")
        .await;
    assert!(yard.ask(&escalate).await["skipped"].is_string(), "it was extended meanwhile");
    assert_eq!(yard.told("overdue_escalated").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_that_is_not_back_is_sold_to_nobody_for_a_day() {
    let yard = Yard::open(10, 4_000).await;
    let ask = async |from: i64| {
        let start = Utc::now() + TimeDelta::minutes(from);
        let (booking_id, customer_id, end) = (Uuid::now_v7(), yard.customer, start + TimeDelta::hours(2));
        let asked = RequestBooking { booking_id, car_id: yard.car, customer_id, start, end, join_waitlist: None };
        yard.bed.ask(&asked).await
    };
    yard.check().await;
    assert_eq!(refused(ask(120).await).code, "car_taken");
    done(ask(1_500).await);

    yard.bed.run("update booking set ends_at = now() - interval '1 day' where status = 'Active'").await;
    let due = yard.row(yard.out).await.ends_at;
    yard.ask(&EscalateOverdue { booking_id: yard.out, due }).await;
    let overlaps =
        "select count(*) from reservation a join reservation b on a.id < b.id and a.resource_id = b.resource_id
                    and tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)";
    assert_eq!(yard.bed.number(overlaps).await, 0, "what others have stays theirs");

    yard.bed.run("update account set role = 'admin'").await;
    yard.ask(&yard.back()).await;
    done(ask(120).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_rental_is_told_two_hours_ahead_and_once() {
    let yard = Yard::open(-90, 2_000).await;
    yard.keep_time().await;
    yard.bed
        .until("select count(*) from job where kind = 'announce' and payload->>'news' = 'return_due_soon'", 1)
        .await;
    assert_eq!(yard.told("return_overdue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_customer_gets_another_car_of_the_class_at_the_same_price() {
    let yard = Yard::open(35, 30).await;
    let (lesser, better, same) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    yard.car(lesser, "economy", 5).await;
    yard.car(better, "suv", 5).await;
    yard.car(same, "compact", 5).await;
    yard.check().await;
    yard.settled().await;

    let moved = yard.row(yard.next).await;
    assert_eq!((moved.car_id, moved.total, moved.plate), (same, 11_900, same.to_string()));
    assert_eq!(yard.told("booking_moved").await, 1);
    let kept = format!("select count(*) from booking_change where reason = 'overrun' and car_id = '{}'", yard.car);
    assert_eq!(yard.bed.number(&kept).await, 1);
    assert_eq!(
        yard.bed.number("select count(*) from audit_log where action = 'move_booking' and actor is null").await,
        1
    );
    let held =
        format!("select count(*) from reservation where resource_id = '{same}' and booking_id = '{}'", yard.next);
    assert_eq!(yard.bed.number(&held).await, 1);
    let promised = format!(
        "select count(*) from reservation where resource_id = '{}' and booking_id = '{}'
         and ends_at > now() + interval '3000 minutes'",
        yard.car, yard.out
    );
    assert_eq!(yard.bed.number(&promised).await, 1, "nobody is promised a car that is not there");
    assert!(yard.resolve(99).await["skipped"].is_string(), "a second time changes nothing");
    assert_eq!(yard.told("booking_moved").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_class_is_out_the_upgrade_is_free_and_never_has_fewer_seats() {
    let yard = Yard::open(35, 30).await;
    let (small, taken, suv) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    yard.car(small, "compact", 2).await;
    yard.car(taken, "compact", 5).await;
    yard.booking(Uuid::now_v7(), taken, "Confirmed", 1_000, 2_000).await;
    yard.car(suv, "suv", 7).await;
    yard.check().await;
    yard.settled().await;
    let moved = yard.row(yard.next).await;
    assert_eq!((moved.car_id, moved.total), (suv, 11_900));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_stands_in_once_its_return_is_decided_and_not_before() {
    for (state, stands_in) in [("reported", false), ("decided", true)] {
        let yard = Yard::open(35, 30).await;
        let (other, before) = (Uuid::now_v7(), Uuid::now_v7());
        yard.car(other, "compact", 5).await;
        yard.booking(before, other, "Completed", -3_000, -300).await;
        yard.bed
            .run(&format!(
                "insert into rental_return (id, booking_id, car_id, state, opened_by, returned_at)
                 values ('{}', '{before}', '{other}', '{state}', '{}', now())",
                Uuid::now_v7(),
                yard.customer
            ))
            .await;
        yard.check().await;
        yard.settled().await;
        assert_eq!(yard.row(yard.next).await.car_id == other, stands_in, "{state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_into_danger_later_is_found_by_the_clock() {
    let yard = Yard::open(1, 300).await;
    let other = Uuid::now_v7();
    yard.car(other, "compact", 5).await;
    yard.check().await;
    yard.settled().await;
    assert_eq!(yard.row(yard.next).await.car_id, yard.car);
    let nearer = format!("update booking set starts_at = now() + interval '50 minutes' where id = '{}'", yard.next);
    yard.bed.run(&nearer).await;
    yard.keep_time().await;
    yard.bed.until(&format!("select count(*) from booking where car_id = '{other}'"), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_that_comes_back_in_the_same_moment_is_either_back_or_replaced_never_both_wrong() {
    for _ in 0..5 {
        let yard = Yard::open(35, 30).await;
        let other = Uuid::now_v7();
        yard.car(other, "compact", 5).await;
        let admin = "update account set role = 'admin'";
        yard.bed.run(admin).await;
        let back = yard.back();
        tokio::join!(yard.ask(&back), yard.resolve(1));
        yard.settled().await;
        let overlaps = "select count(*) from reservation a join reservation b on a.id < b.id
                        and a.resource_id = b.resource_id
                        and tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)";
        assert_eq!(yard.bed.number(overlaps).await, 0);
        assert_eq!(yard.row(yard.out).await.status.0.as_str(), "Returned");
        let next = yard.row(yard.next).await;
        let own = format!(
            "select count(*) from reservation where booking_id = '{}' and resource_id = '{}'",
            next.id, next.car_id
        );
        assert_eq!(yard.bed.number(&own).await, 1, "the next booking holds its time on its car");
        let long = format!(
            "select count(*) from reservation where booking_id = '{}' and ends_at > now() + interval '61 minutes'",
            yard.out
        );
        assert_eq!(yard.bed.number(&long).await, 0, "what is back holds no more than its turnaround");
        assert_eq!(yard.bed.number("select count(*) from job where queue = 'booking' and attempt > 1").await, 0);
    }
}
