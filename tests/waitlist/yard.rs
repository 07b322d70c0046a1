//! Cars that somebody has and somebody else waits for, with the pools that move the queue.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use entity::{waitlist_entry, waitlist_offer};
use jobs::{
    Outcome, Queue,
    booking::{CancelBooking, RequestBooking},
    waitlist::{AcceptOffer, DeclineOffer, JoinWaitlist, PromoteWaitlist, Target, Wish},
};
use rules::car::Category;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::Value;
use tests::{Bed, done, house::noon};
use uuid::Uuid;

pub(super) const BRANCH: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);

pub(super) struct Yard {
    pub(super) bed: Bed,
    people: AtomicI64,
}

impl Yard {
    pub(super) async fn open() -> Self {
        let yard = Self::closed().await;
        yard.bed.work(Queue::Booking, workers::registry()).await;
        yard.bed.work(Queue::Waitlist, workers::registry()).await;
        yard
    }

    /// With one worker for the queue, which does one thing after the other.
    pub(super) async fn one_by_one() -> Self {
        let yard = Self::closed().await;
        yard.bed.work(Queue::Booking, workers::registry()).await;
        yard.bed.work_with(Queue::Waitlist, 1, workers::registry()).await;
        yard
    }

    /// Without anybody who works.
    pub(super) async fn closed() -> Self {
        Self { bed: tests::bed().await, people: AtomicI64::new(0) }
    }

    pub(super) async fn person(&self, role: &str) -> Uuid {
        let (id, number) = (Uuid::now_v7(), self.people.fetch_add(1, Ordering::Relaxed));
        self.bed
            .run(&format!(
                "insert into account (id, email, name, password_hash, role)
                 values ('{id}', 'person{number}@example.com', 'Person {number}', '-', '{role}')"
            ))
            .await;
        id
    }

    pub(super) async fn customer(&self) -> Uuid {
        self.person("customer").await
    }

    pub(super) async fn customers<const N: usize>(&self) -> [Uuid; N] {
        let mut people = [Uuid::nil(); N];
        for person in &mut people {
            *person = self.customer().await;
        }
        people
    }

    pub(super) async fn car(&self) -> Uuid {
        self.car_of(Category::Compact, 5_000).await
    }

    pub(super) async fn car_of(&self, category: Category, price_per_day: i64) -> Uuid {
        let id = Uuid::now_v7();
        let plate = &id.simple().to_string()[20..];
        self.bed
            .run(&format!(
                "insert into car (id, plate, make, model, year, category, seats, fuel_type, price_per_day, currency, branch_id)
                 values ('{id}', '{plate}', 'VW', 'Golf', 2024, '{category}', 5, 'petrol', {price_per_day}, 'EUR', '{BRANCH}')"
            ))
            .await;
        id
    }

    /// Books a car from noon to noon, by days from today.
    pub(super) async fn book(&self, customer: Uuid, car: Uuid, from: i64, to: i64) -> Uuid {
        let asked = booking(customer, car, noon(from), noon(to));
        done(self.bed.ask(&asked).await);
        asked.booking_id
    }

    pub(super) async fn cancel(&self, booking: Uuid, by: Uuid) {
        let cancel = CancelBooking { booking_id: booking, cancelled_by: by, reason: None, house_fault: false };
        done(self.bed.ask(&cancel).await);
    }

    /// Joins the queue for one car, from noon to noon.
    pub(super) async fn wait(&self, customer: Uuid, car: Uuid, from: i64, to: i64) -> Uuid {
        self.join(join(customer, Target::Car { car_id: car }, window(from, to))).await
    }

    pub(super) async fn wait_for_class(&self, customer: Uuid, from: i64, to: i64) -> Uuid {
        self.join(join(customer, compact(false), window(from, to))).await
    }

    pub(super) async fn join(&self, asked: JoinWaitlist) -> Uuid {
        done(self.bed.ask(&asked).await);
        asked.entry_id
    }

    pub(super) async fn promote(&self, car: Uuid) -> Value {
        done(self.bed.ask(&PromoteWaitlist::new(car)).await)
    }

    pub(super) async fn accept(&self, offer: &waitlist_offer::Model) -> Outcome {
        self.bed.ask(&accept(offer)).await
    }

    pub(super) async fn decline(&self, offer: &waitlist_offer::Model) -> Outcome {
        self.bed.ask(&DeclineOffer { offer_id: offer.id, customer_id: offer.customer_id }).await
    }

    /// Waits until the queues are at rest; what is due later stays.
    pub(super) async fn settle(&self) {
        let busy = "select count(*) from job where queue in ('booking', 'waitlist')
                    and (state = 'running' or state = 'ready' and run_at <= clock_timestamp())";
        self.bed.until(busy, 0).await;
        let failed = "select count(*) from job where queue in ('booking', 'waitlist') and error is not null";
        assert_eq!(self.bed.number(failed).await, 0, "a job has failed");
    }

    /// The live offers, in the order in which they were made.
    pub(super) async fn offers(&self) -> Vec<waitlist_offer::Model> {
        self.settle().await;
        waitlist_offer::Entity::find()
            .filter(waitlist_offer::Column::State.eq("offered"))
            .order_by_asc(waitlist_offer::Column::Id)
            .all(&self.bed.db)
            .await
            .unwrap()
    }

    /// The one live offer.
    pub(super) async fn offer(&self) -> waitlist_offer::Model {
        let mut offers = self.offers().await;
        assert_eq!(offers.len(), 1, "{offers:#?}");
        offers.remove(0)
    }

    pub(super) async fn entry(&self, id: Uuid) -> waitlist_entry::Model {
        waitlist_entry::Entity::find_by_id(id).one(&self.bed.db).await.unwrap().unwrap()
    }

    pub(super) async fn state(&self, entry: Uuid) -> String {
        self.entry(entry).await.state.0.to_string()
    }

    /// Lets the deadline of an offer be a moment ago.
    pub(super) async fn run_out(&self, offer: Uuid) {
        self.bed
            .run(&format!(
                "update waitlist_offer set created_at = created_at - interval '30 days', expires_at = clock_timestamp() where id = '{offer}';
                 update reservation set expires_at = clock_timestamp() where offer_id = '{offer}';
                 update job set run_at = clock_timestamp() where kind = 'expire_offer' and dedupe_key = '{offer}'"
            ))
            .await;
    }

    /// How often some news of a subject was told.
    pub(super) async fn told(&self, news: &str, subject: Uuid) -> i64 {
        let sql = format!(
            "select count(*) from job where kind = 'announce' and payload->>'news' = '{news}' and payload->>'subject_id' = '{subject}'"
        );
        self.bed.number(&sql).await
    }

    pub(super) async fn overlaps(&self) -> i64 {
        self.bed
            .number(
                "select count(*) from reservation a join reservation b on a.id < b.id and a.resource_id = b.resource_id
                 and tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)",
            )
            .await
    }
}

pub(super) fn booking(customer: Uuid, car: Uuid, start: DateTime<Utc>, end: DateTime<Utc>) -> RequestBooking {
    let booking_id = Uuid::now_v7();
    RequestBooking { booking_id, car_id: car, customer_id: customer, start, end, join_waitlist: None }
}

pub(super) fn accept(offer: &waitlist_offer::Model) -> AcceptOffer {
    AcceptOffer { offer_id: offer.id, booking_id: Uuid::now_v7(), customer_id: offer.customer_id }
}

pub(super) fn join(customer: Uuid, target: Target, wish: Wish) -> JoinWaitlist {
    JoinWaitlist { entry_id: Uuid::now_v7(), customer_id: customer, target, wish, price_cap: None }
}

pub(super) fn window(from: i64, to: i64) -> Wish {
    Wish::Window { start: noon(from), end: noon(to), flexibility_minutes: 0, min_days: None }
}

pub(super) fn compact(or_better: bool) -> Target {
    Target::Class { category: Category::Compact, branch_id: BRANCH, or_better }
}
