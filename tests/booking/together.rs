//! Bookings that come together are performed together, and nobody can tell.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures::future::join_all;
use jobs::{NewJob, Queue, booking::RequestBooking, ledger};
use sea_orm::{ConnectionTrait, TransactionTrait};
use tests::{Bed, house::noon};
use uuid::Uuid;
use workers::{Context, Pool};

/// Cars and customers, and requests that wait for a worker to come.
struct Crowd {
    bed: Bed,
    customers: Vec<Uuid>,
    cars: Vec<Uuid>,
}

impl Crowd {
    async fn gather(cars: usize) -> Self {
        let (bed, ids) = (tests::bed().await, |count: usize| (0..count).map(|_| Uuid::now_v7()).collect::<Vec<_>>());
        let crowd = Self { bed, customers: ids(3), cars: ids(cars) };
        for id in &crowd.customers {
            let sql = "insert into account (id, email, name, password_hash, role)";
            crowd.bed.run(&format!("{sql} values ('{id}', '{id}@example.com', 'A', '-', 'customer')")).await;
        }
        for id in &crowd.cars {
            let sql = "insert into car (id, plate, make, model, year, category, seats, fuel_type, price_per_day, currency, branch_id)";
            crowd
                .bed
                .run(&format!(
                    "{sql} select '{id}', '{id}', 'VW', 'Golf', 2024, 'compact', 5, 'petrol', 5000, 'EUR', id from branch"
                ))
                .await;
        }
        crowd
    }

    /// A request by one of the customers, accepted and not yet begun.
    async fn ask(&self, customer: usize, car: usize, day: i64) -> Uuid {
        let (start, end): (DateTime<Utc>, DateTime<Utc>) = (noon(day), noon(day + 1));
        let (booking_id, customer_id) = (Uuid::now_v7(), self.customers[customer]);
        let job = NewJob::new(&RequestBooking {
            booking_id,
            car_id: self.cars[car],
            customer_id,
            start,
            end,
            join_waitlist: None,
        });
        ledger::accept(&self.bed.db, &job).await.unwrap();
        job.id
    }

    async fn work(&self) {
        self.bed.work_with(Queue::Booking, 64, workers::registry()).await;
    }

    async fn until_done(&self, jobs: i64) {
        self.bed.until("select count(*) from job where queue = 'booking' and state = 'done'", jobs).await;
    }

    /// What must hold whatever happened: no overlap, and of every booking one reservation, one end and one follow-up.
    async fn expect_in_order(&self, bookings: i64) {
        let overlaps =
            "select count(*) from reservation a join reservation b on a.id < b.id and a.resource_id = b.resource_id
             and tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)";
        assert_eq!(self.bed.number(overlaps).await, 0);
        for once in [
            "select count(*) from booking",
            "select count(distinct booking_id) from reservation",
            "select count(*) from job where kind = 'request_booking' and outcome->>'result' = 'done'",
            "select count(distinct payload->>'subject_id') from job where kind = 'announce'",
            "select count(*) from job where kind = 'announce'",
        ] {
            assert_eq!(self.bed.number(once).await, bookings, "{once}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_done_in_few_transactions_and_whoever_comes_too_late_is_refused() {
    let crowd = Crowd::gather(30).await;
    for turn in 0..60 {
        // Every car for two days, and a third of these days once more by somebody else.
        crowd.ask(turn % 3, turn % 30, 5 + 2 * (turn as i64 / 30)).await;
        if turn % 3 == 0 {
            crowd.ask((turn + 1) % 3, turn % 30, 5 + 2 * (turn as i64 / 30)).await;
        }
    }
    crowd.work().await;
    crowd.until_done(80).await;
    crowd.expect_in_order(60).await;
    let refused = "select count(*) from job where outcome->>'code' = 'car_taken' and outcome->'extra'->'alternatives' is not null";
    assert_eq!(crowd.bed.number(refused).await, 20, "each is told why, and what there is instead");
    let transactions = crowd.bed.number("select count(distinct xmin::text) from booking").await;
    assert!(transactions <= 30, "sixty bookings took {transactions} transactions");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_suspended_and_a_car_in_the_workshop_are_refused_among_others_that_are_booked() {
    let crowd = Crowd::gather(6).await;
    crowd.bed.run(&format!("update account set suspended_at = now() where id = '{}'", crowd.customers[2])).await;
    crowd.bed.run(&format!("update car set status = 'workshop' where id = '{}'", crowd.cars[5])).await;
    join_all((0..6).map(|car| crowd.ask(car % 3, car, 5))).await;
    join_all((0..6).map(|car| crowd.ask(0, car, 8))).await;
    crowd.work().await;
    crowd.until_done(12).await;
    crowd.expect_in_order(9).await;
    for (code, times) in [("suspended", 2), ("car_not_in_service", 1)] {
        let refused = format!("select count(*) from job where outcome->>'code' = '{code}'");
        assert_eq!(crowd.bed.number(&refused).await, times, "{code}");
    }
    let transactions = crowd.bed.number("select count(distinct xmin::text) from booking").await;
    assert!(transactions < 9, "nine bookings took {transactions} transactions");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_that_somebody_holds_does_not_hold_up_the_bookings_of_other_cars() {
    let crowd = Crowd::gather(5).await;
    let tx = crowd.bed.db.begin().await.unwrap();
    tx.execute_unprepared(&format!("select 1 from car where id = '{}' for update", crowd.cars[0])).await.unwrap();
    join_all((0..5).map(|car| crowd.ask(0, car, 5))).await;
    crowd.work().await;
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    crowd.bed.until(waits, 1).await;
    assert_eq!(crowd.bed.number(&format!("{waits} and query like '%unnest(%'")).await, 0, "no group waits for a car");
    crowd.until_done(4).await;
    tx.rollback().await.unwrap();
    crowd.until_done(5).await;
    crowd.expect_in_order(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_in_which_one_lease_is_lost_leaves_nothing_of_that_one_and_the_others_are_done_once() {
    let crowd = Crowd::gather(6).await;
    // The group waits for this customer when it writes, after it has looked at everything.
    let tx = crowd.bed.db.begin().await.unwrap();
    tx.execute_unprepared(&format!("select 1 from account where id = '{}' for update", crowd.customers[0]))
        .await
        .unwrap();
    let jobs = join_all((0..6).map(|car| crowd.ask(0, car, 5))).await;
    crowd.work().await;
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
                 and query like '%insert into booking (%'";
    crowd.bed.until(waits, 1).await;
    crowd.bed.until("select count(*) from job where state = 'running'", 6).await;
    // Somebody took it back and called it off while its worker was frozen.
    let lost = format!(
        "update job set state = 'cancelled', finished_at = now(), lease_until = null, worker = null, fence = fence + 1
         where id = '{}'",
        jobs[0]
    );
    crowd.bed.run(&lost).await;
    tx.rollback().await.unwrap();
    crowd.until_done(5).await;
    crowd.expect_in_order(5).await;
    let others = format!("select max(attempt) from job where kind = 'request_booking' and id <> '{}'", jobs[0]);
    assert_eq!(crowd.bed.number(&others).await, 1, "what another lost is no attempt of theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_has_so_many_open_bookings_and_no_more() {
    let crowd = Crowd::gather(40).await;
    let mut context = Context::start(crowd.bed.settings.clone()).await.unwrap();
    context.open_bookings = 5;
    join_all((0..20).map(|car| crowd.ask(0, car, 5))).await;
    crowd.ask(1, 20, 5).await;
    let (stop, grace) = (crowd.bed.stop.clone(), Duration::from_secs(1));
    tokio::spawn(Pool::serve(Queue::Booking, 64, Arc::new(context), workers::registry(), stop, grace));
    crowd.until_done(21).await;
    let booked = crowd.bed.number("select count(*) from booking").await;
    assert!((6..15).contains(&booked), "{booked} were booked: those of one group are counted together");

    crowd.bed.run("update booking set status = 'Completed' where status = 'Confirmed'").await;
    for car in 20..30 {
        crowd.ask(0, car, 9).await;
        crowd.until_done(car as i64 + 2).await;
    }
    assert_eq!(crowd.bed.number("select count(*) from booking where status = 'Confirmed'").await, 5);
    let last = "select count(*) from job where outcome->>'code' = 'too_many_bookings'";
    assert_eq!(crowd.bed.number(last).await, 21 - booked + 5);
}
