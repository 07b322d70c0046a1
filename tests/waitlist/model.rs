//! The whole waitlist against a model of a page: random days of a small house with two cars.

use std::collections::BTreeSet;

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

use super::yard::{Yard, booking as book, compact, join, window};

const CARS: usize = 2;
const PEOPLE: usize = 4;
const FIRST_DAY: i64 = 10;

#[derive(Clone, Copy, Debug)]
enum Op {
    /// `target` is a car, or the class when there is no such car.
    Join {
        person: usize,
        target: usize,
        from: i64,
        days: i64,
    },
    Book {
        person: usize,
        car: usize,
        from: i64,
        days: i64,
    },
    Cancel(usize),
    Accept(usize),
    Decline(usize),
    Silence(usize),
    Leave(usize),
    Pause {
        car: usize,
        paused: bool,
    },
    /// The clock's round.
    PromoteAll,
}

fn any_op() -> impl Strategy<Value = Op> {
    let (person, car, from, days) = (0..PEOPLE, 0..CARS, 0i64..5, 1i64..4);
    prop_oneof![
        6 => (person.clone(), 0..=CARS, from.clone(), days.clone())
            .prop_map(|(person, target, from, days)| Op::Join { person, target, from, days }),
        5 => (person, car.clone(), from, days).prop_map(|(person, car, from, days)| Op::Book { person, car, from, days }),
        4 => (0usize..3).prop_map(Op::Cancel),
        2 => (0usize..2).prop_map(Op::Accept),
        4 => (0usize..2).prop_map(Op::Decline),
        5 => (0usize..2).prop_map(Op::Silence),
        1 => (0usize..8).prop_map(Op::Leave),
        1 => (car, any::<bool>()).prop_map(|(car, paused)| Op::Pause { car, paused }),
        1 => Just(Op::PromoteAll),
    ]
}

/// Both cars are taken and people wait; then anything happens.
fn any_days() -> impl Strategy<Value = Vec<Op>> {
    let taken = [0, 1].map(|car| Op::Book { person: car, car, from: 0, days: 6 }).to_vec();
    let joins = (0..PEOPLE, 0..=CARS, 0i64..5, 1i64..3);
    let joins = joins.prop_map(|(person, target, from, days)| Op::Join { person, target, from, days });
    (Just(taken), proptest::collection::vec(joins, 4..12), proptest::collection::vec(any_op(), 10..40))
        .prop_map(|(taken, joins, ops)| [taken, joins, ops].concat())
}

/// Days from noon to noon, counted in hours so that the turnaround shows.
type Days = (i64, i64);

fn clash(a: Days, b: Days) -> bool {
    a.0 * 24 < b.1 * 24 + 1 && b.0 * 24 < a.1 * 24 + 1
}

fn overlap(a: Days, b: Days) -> bool {
    a.0 < b.1 && b.0 < a.1
}

#[derive(Clone, Debug)]
struct Waiting {
    id: Uuid,
    person: usize,
    target: usize,
    days: Days,
    place: usize,
    state: &'static str,
    missed: u32,
    declined: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    entry: usize,
    car: usize,
}

#[derive(Clone, Debug, Default)]
struct Model {
    entries: Vec<Waiting>,
    offers: Vec<Live>,
    bookings: Vec<(Uuid, usize, usize, Days)>,
    paused: [bool; CARS],
    places: usize,
}

impl Model {
    fn is_free(&self, car: usize, days: Days) -> bool {
        let booked = self.bookings.iter().any(|(_, of, _, taken)| *of == car && clash(*taken, days));
        let held = self.offers.iter().any(|offer| offer.car == car && clash(self.entries[offer.entry].days, days));
        !booked && !held
    }

    fn place(&mut self) -> usize {
        self.places += 1;
        self.places
    }

    /// Everybody in order, once.
    fn promote(&mut self, car: usize) {
        if self.paused[car] {
            return;
        }
        let mut queue: Vec<usize> = (0..self.entries.len()).filter(|n| self.entries[*n].state == "waiting").collect();
        queue.sort_by_key(|n| self.entries[*n].place);
        for n in queue {
            let it = &self.entries[n];
            let wanted = it.target == car || it.target == CARS;
            let thinks = |offer: &Live| {
                let other = &self.entries[offer.entry];
                other.person == it.person && overlap(other.days, it.days)
            };
            let asked_elsewhere = self.offers.iter().any(thinks);
            if wanted && self.is_free(car, it.days) && !it.declined.contains(&car) && !asked_elsewhere {
                self.offers.push(Live { entry: n, car });
                self.entries[n].state = "offered";
            }
        }
    }

    fn joins(&mut self, id: Uuid, person: usize, target: usize, days: Days) {
        let free = (0..CARS).any(|car| (target == car || target == CARS) && self.is_free(car, days));
        let active = |it: &&Waiting| it.person == person && matches!(it.state, "waiting" | "offered");
        let alike = self.entries.iter().filter(active).any(|it| it.target == target && overlap(it.days, days));
        if free || alike || self.entries.iter().filter(active).count() >= 5 {
            return;
        }
        let (place, declined) = (self.place(), BTreeSet::new());
        self.entries.push(Waiting { id, person, target, days, place, state: "waiting", missed: 0, declined });
        if target < CARS {
            self.promote(target);
        }
    }

    fn end(&mut self, nth: usize, state: &'static str) -> Live {
        let live = self.offers.remove(nth);
        self.entries[live.entry].state = state;
        live
    }
}

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
        let yard = Yard::open().await;
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
                let live = self.model.end(n, "fulfilled");
                let (it, id) = (&self.model.entries[live.entry], document["id"].as_str().unwrap().parse().unwrap());
                self.model.bookings.push((id, live.car, it.person, it.days));
            }
            Op::Decline(_) => {
                self.yard.decline(offer).await;
                let live = self.model.end(n, "waiting");
                self.model.entries[live.entry].declined.insert(live.car);
                self.model.promote(live.car);
            }
            _ => {
                self.yard.run_out(offer.id).await;
                let ended =
                    format!("select count(*) from waitlist_offer where id = '{}' and state = 'expired'", offer.id);
                self.yard.bed.until(&ended, 1).await;
                let live = self.model.end(n, "waiting");
                let place = self.model.place();
                let it = &mut self.model.entries[live.entry];
                it.missed += 1;
                match it.missed {
                    1 => it.place = place,
                    _ => it.state = "lapsed",
                }
                self.model.promote(live.car);
            }
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
            let car = self.model.end(live, "left").car;
            self.model.promote(car);
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
        while let Some(n) = self.model.offers.iter().position(|offer| offer.car == car) {
            self.model.end(n, "waiting");
        }
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
