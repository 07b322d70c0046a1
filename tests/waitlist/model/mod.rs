//! The whole waitlist against a model of a page: random days of a small house with two cars.

mod op;
mod truth;

use std::collections::BTreeSet;

use chrono::TimeDelta;
use entity::{booking, waitlist_entry};
use jobs::{
    Outcome,
    waitlist::{LeaveWaitlist, PauseWaitlist, Paused, Target},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use tests::house::noon;
use uuid::Uuid;

use self::{
    op::{Op, any_days},
    truth::Model,
};
use super::yard::{Yard, booking as book, compact, join, window};

const CARS: usize = 2;
const PEOPLE: usize = 4;
const FIRST_DAY: i64 = 10;

/// A house and its model, which must stay alike.
struct Pair {
    yard: Yard,
    model: Model,
    cars: Vec<Uuid>,
    people: Vec<Uuid>,
    admin: Uuid,
}

impl Pair {
    async fn new() -> Self {
        let yard = Yard::one_by_one().await;
        let mut cars = Vec::new();
        for _ in 0..CARS {
            cars.push(yard.car().await);
        }
        let people = yard.customers::<PEOPLE>().await.to_vec();
        let admin = yard.person("admin").await;
        Self { yard, model: Model::default(), cars, people, admin }
    }

    async fn play(&mut self, op: Op) -> Result<(), TestCaseError> {
        match op {
            Op::Join { person, target, from, days } => {
                let days = (FIRST_DAY + from, FIRST_DAY + from + days);
                let wanted = self.cars.get(target).map_or_else(|| compact(false), |car| Target::Car { car_id: *car });
                let asked = join(self.people[person], wanted, window(days.0, days.1));
                let outcome = self.yard.bed.ask(&asked).await;
                self.model.joins(asked.entry_id, person, target, days);
                let joined = self.model.entries.iter().any(|it| it.id == asked.entry_id);
                prop_assert_eq!(matches!(outcome, Outcome::Done { .. }), joined, "{:?}", outcome);
            }
            Op::Book { person, car, from, days } => {
                let days = (FIRST_DAY + from, FIRST_DAY + from + days);
                let asked = book(self.people[person], self.cars[car], noon(days.0), noon(days.1));
                let outcome = self.yard.bed.ask(&asked).await;
                let free = self.model.is_free(car, days);
                prop_assert_eq!(matches!(outcome, Outcome::Done { .. }), free);
                if free {
                    self.model.bookings.push((asked.booking_id, car, person, days));
                }
            }
            Op::Cancel(n) if n < self.model.bookings.len() => {
                let (id, car, person, _) = self.model.bookings.remove(n);
                self.yard.cancel(id, self.people[person]).await;
                self.model.promote(car);
            }
            Op::Accept(n) | Op::Decline(n) | Op::Silence(n) if n < self.model.offers.len() => {
                self.answer(op, n).await?
            }
            Op::Pass { hours } => self.pass(hours).await?,
            Op::Leave(n) if n < self.model.entries.len() => self.leave(n).await?,
            Op::Pause { car, paused } => self.pause(car, paused).await,
            Op::PromoteAll => {
                for car in 0..CARS {
                    self.yard.promote(self.cars[car]).await;
                    self.model.promote(car);
                }
            }
            _ => {}
        }
        self.compare().await
    }

    async fn answer(&mut self, op: Op, n: usize) -> Result<(), TestCaseError> {
        let entry = self.model.offers[n].entry;
        let offers = self.yard.offers().await;
        let offer = offers.iter().find(|offer| offer.entry_id == self.model.entries[entry].id);
        let offer = offer.ok_or_else(|| TestCaseError::fail("the offer is lost"))?;
        match op {
            Op::Accept(_) => {
                let Outcome::Done { document } = self.yard.accept(offer).await else {
                    return Err(TestCaseError::fail("a live offer was not accepted"));
                };
                let document: serde_json::Value = serde_json::from_str(document.get()).unwrap();
                let live = self.model.end(n, "fulfilled");
                let chances = self.model.chances(live);
                self.model.promote_each(chances);
                let (it, id) = (&self.model.entries[live.entry], document["id"].as_str().unwrap().parse().unwrap());
                self.model.bookings.push((id, live.car, it.person, it.days));
            }
            Op::Decline(_) => {
                self.yard.decline(offer).await;
                let live = self.model.end(n, "waiting");
                self.model.entries[live.entry].declined.insert(live.car);
                let chances = self.model.chances(live);
                self.model.promote_each([live.car].into_iter().chain(chances));
            }
            _ => self.silence(n, offer.id).await,
        }
        Ok(())
    }

    async fn silence(&mut self, n: usize, offer: Uuid) {
        self.yard.run_out(offer).await;
        let ended = format!("select count(*) from waitlist_offer where id = '{offer}' and state = 'expired'");
        self.yard.bed.until(&ended, 1).await;
        let live = self.model.end(n, "waiting");
        let place = self.model.place();
        let it = &mut self.model.entries[live.entry];
        it.missed += 1;
        match it.missed {
            1 => it.place = place,
            _ => it.state = "lapsed",
        }
        let chances = self.model.chances(live);
        self.model.promote_each([live.car].into_iter().chain(chances));
    }

    /// Those whose deadline comes are silent one after the other; the deadlines of the others come nearer.
    async fn pass(&mut self, hours: i64) -> Result<(), TestCaseError> {
        let now = entity::supply::clock(&self.yard.bed.db).await.unwrap();
        let offers = self.yard.offers().await;
        let (due, open): (Vec<_>, Vec<_>) =
            offers.into_iter().partition(|offer| offer.expires_at <= now + TimeDelta::hours(hours));
        for offer in open {
            let id = offer.id;
            self.yard
                .bed
                .run(&format!(
                    "update waitlist_offer set created_at = created_at - interval '{hours} hours',
                            expires_at = expires_at - interval '{hours} hours' where id = '{id}';
                     update reservation set expires_at = expires_at - interval '{hours} hours' where offer_id = '{id}';
                     update job set run_at = run_at - interval '{hours} hours'
                     where kind = 'expire_offer' and dedupe_key = '{id}'"
                ))
                .await;
        }
        for offer in due {
            let n = self.model.offers.iter().position(|live| self.model.entries[live.entry].id == offer.entry_id);
            let n = n.ok_or_else(|| TestCaseError::fail("nobody knows this offer"))?;
            self.silence(n, offer.id).await;
            self.yard.settle().await;
        }
        Ok(())
    }

    async fn leave(&mut self, n: usize) -> Result<(), TestCaseError> {
        let (id, person) = (self.model.entries[n].id, self.model.entries[n].person);
        let outcome = self.yard.bed.ask(&LeaveWaitlist { entry_id: id, left_by: self.people[person] }).await;
        let may = matches!(self.model.entries[n].state, "waiting" | "offered" | "left");
        prop_assert_eq!(matches!(outcome, Outcome::Done { .. }), may);
        let live = self.model.offers.iter().position(|offer| offer.entry == n);
        if may {
            self.model.entries[n].state = "left";
        }
        if let Some(live) = live {
            let live = self.model.end(live, "left");
            let chances = self.model.chances(live);
            self.model.promote_each([live.car].into_iter().chain(chances));
        }
        Ok(())
    }

    async fn pause(&mut self, car: usize, paused: bool) {
        let of = Paused::Car(self.cars[car]);
        let pause = PauseWaitlist { of, paused, paused_by: self.admin, reason: "a test".to_owned() };
        tests::done(self.yard.bed.ask(&pause).await);
        self.model.paused[car] = paused;
        if !paused {
            return self.model.promote(car);
        }
        let mut chances = Vec::new();
        while let Some(n) = self.model.offers.iter().position(|offer| offer.car == car) {
            let live = self.model.end(n, "waiting");
            chances.extend(self.model.chances(live));
        }
        self.model.promote_each(chances);
    }

    /// Nothing overlaps, nobody is lost, everybody stands where the model has them.
    async fn compare(&self) -> Result<(), TestCaseError> {
        let db = &self.yard.bed.db;
        let offers = self.yard.offers().await;
        let held: BTreeSet<_> = offers.iter().map(|it| (it.entry_id, it.car_id, it.starts_at, it.ends_at)).collect();
        let wanted = self.model.offers.iter().map(|live| {
            let it = &self.model.entries[live.entry];
            (it.id, self.cars[live.car], noon(it.days.0), noon(it.days.1))
        });
        prop_assert_eq!(held, wanted.collect::<BTreeSet<_>>());

        let queue = waitlist_entry::Entity::find().order_by_asc(waitlist_entry::Column::Seq).all(db).await.unwrap();
        let queue: Vec<_> = queue.iter().map(|it| (it.id, it.state.0.as_str())).collect();
        let mut wanted: Vec<_> = self.model.entries.iter().map(|it| (it.place, it.id, it.state)).collect();
        wanted.sort();
        prop_assert_eq!(queue, wanted.iter().map(|(_, id, state)| (*id, *state)).collect::<Vec<_>>());

        let booked = booking::Entity::find().filter(booking::Column::Status.eq("Confirmed")).all(db).await.unwrap();
        let booked: BTreeSet<_> = booked.iter().map(|it| (it.id, it.car_id, it.starts_at, it.ends_at)).collect();
        let wanted =
            self.model.bookings.iter().map(|(id, car, _, days)| (*id, self.cars[*car], noon(days.0), noon(days.1)));
        prop_assert_eq!(booked, wanted.collect::<BTreeSet<_>>());
        prop_assert_eq!(self.yard.overlaps().await, 0);
        let taken = self.yard.bed.number("select count(*) from reservation").await;
        prop_assert_eq!(taken as usize, self.model.offers.len() + self.model.bookings.len());
        Ok(())
    }

    /// Promoting twice makes nothing new.
    async fn promote_twice(&mut self) -> Result<(), TestCaseError> {
        self.play(Op::PromoteAll).await?;
        for car in &self.cars {
            // A paused car is skipped.
            prop_assert_eq!(self.yard.promote(*car).await["offers"].as_i64().unwrap_or(0), 0);
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_days_of_a_small_house_go_as_the_model_says() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(8);
    let config = Config { cases, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Handle::current();
    let ended = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&any_days(), |ops| {
            runtime.block_on(async {
                let mut pair = Pair::new().await;
                for op in ops {
                    pair.play(op).await?;
                }
                pair.promote_twice().await?;
                pair.yard.bed.stop().await;
                Ok(())
            })
        })
    });
    if let Err(TestError::Fail(reason, ops)) = ended {
        panic!("{reason}\nafter {ops:#?}");
    }
    ended.unwrap();
}
