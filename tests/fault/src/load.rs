//! What customers do all day, drawn from the seed: an open loop, so that a platform that
//! stalls is asked as much as one that does not.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    cast::{Cast, booking, booking_soon, registration},
    client::{Answer, Client, Person, Photos, Wanted},
    dice::Dice,
    ledger::{Fate, Kind},
    photos::renewed,
    wait::Patience,
};

/// How much is asked, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub per_second: f64,
    pub seconds: f64,
    /// How long after the load somebody who was told nothing goes on asking.
    pub patience: f64,
}

/// What is remembered between operations.
#[derive(Default)]
struct Memory {
    asked: Vec<(usize, Wanted)>,
    booked: Vec<(usize, String)>,
}

#[derive(Clone)]
struct Actor {
    client: Client,
    cast: Arc<Cast>,
    memory: Arc<Mutex<Memory>>,
    until: f64,
}

/// Plays until the plan is over and everybody has an answer or has given up.
///
/// # Errors
/// The clients' ledger cannot be written.
pub async fn play(client: &Client, cast: &Arc<Cast>, plan: Plan, seed: u64, photos: &[Photos]) -> Result<()> {
    let until = client.ledger.now() + plan.seconds + plan.patience;
    let actor = Actor { client: client.clone(), cast: cast.clone(), memory: Arc::default(), until };
    let mut dice = Dice::new(seed, "load");
    let mut acts = JoinSet::new();
    for (n, car) in cast.rentals.iter().enumerate() {
        let round = renewed(&photos[n % photos.len()], dice.seed());
        // One after the other, so that some of them meet the fault.
        let begins = Duration::from_secs_f64(plan.seconds * n as f64 / cast.rentals.len() as f64);
        let rent = actor.clone().rent(n, car.clone(), round);
        acts.spawn(async move {
            tokio::time::sleep(begins).await;
            rent.await
        });
    }
    let end = Instant::now() + Duration::from_secs_f64(plan.seconds);
    let mut next = Instant::now();
    while next < end {
        next += Duration::from_secs_f64(dice.within(0.2..1.8) / plan.per_second);
        tokio::time::sleep_until(next).await;
        acts.spawn(actor.clone().act(actor.draw(&mut dice)));
    }
    while let Some(act) = acts.join_next().await {
        act??;
    }
    Ok(())
}

/// Something that one customer does.
struct Act {
    who: usize,
    front: usize,
    what: What,
    /// Goes on asking when told nothing.
    insists: bool,
}

enum What {
    Ask(Wanted),
    /// Asks again what was asked before, perhaps while the first is still under way.
    Repeat(usize, Wanted),
    Cancel(usize, String),
    Register(Wanted),
}

impl Actor {
    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, dice: &mut Dice) -> Act {
        let who = dice.below(self.cast.customers.len());
        let front = dice.below(self.client.fronts());
        let insists = dice.percent(80);
        let what = match dice.below(100) {
            0..3 => What::Register(Wanted { wait: 5, ..registration().1 }),
            3..15 => self.again(dice),
            15..38 => self.cancel(dice),
            38..50 => What::Ask(Wanted { wait: 0, ..self.wish(dice) }),
            _ => What::Ask(self.wish(dice)),
        };
        Act { who, front, what, insists }
    }

    /// Dates that overlap with many others: few cars, few days.
    fn wish(&self, dice: &mut Dice) -> Wanted {
        let car = &self.cast.cars[dice.below(self.cast.cars.len())];
        booking(car, 2 + dice.below(60) as i64, 1 + dice.below(3) as i64)
    }

    fn again(&self, dice: &mut Dice) -> What {
        let chosen = {
            let memory = self.memory();
            memory.asked.get(dice.below(memory.asked.len())).cloned()
        };
        chosen.map_or_else(|| What::Ask(self.wish(dice)), |(who, wanted)| What::Repeat(who, wanted))
    }

    fn cancel(&self, dice: &mut Dice) -> What {
        let mut memory = self.memory();
        if memory.booked.is_empty() {
            drop(memory);
            return What::Ask(self.wish(dice));
        }
        let at = dice.below(memory.booked.len());
        let (who, id) = memory.booked.swap_remove(at);
        What::Cancel(who, id)
    }

    async fn act(self, act: Act) -> Result<()> {
        let until = if act.insists { self.until } else { 0.0 };
        match act.what {
            What::Ask(wanted) => {
                self.memory().asked.push((act.who, wanted.clone()));
                let answer = self.client.insist(Some(&self.cast.customers[act.who]), act.front, &wanted, until).await?;
                if answer.is(201) {
                    self.memory().booked.push((act.who, answer.text("id").unwrap_or_default().to_owned()));
                }
            }
            What::Repeat(who, wanted) => {
                self.client.insist(Some(&self.cast.customers[who]), act.front, &wanted, until).await?;
            }
            What::Cancel(who, id) => {
                let wanted = Wanted::new(Kind::Cancel, format!("/api/v1/bookings/{id}/cancel"), json!({}));
                self.client.insist(Some(&self.cast.customers[who]), act.front, &wanted, until).await?;
            }
            What::Register(wanted) => {
                self.client.insist(None, act.front, &wanted, until).await?;
            }
        }
        Ok(())
    }

    /// One rental from the booking to the decision, each step repeated until it is answered.
    async fn rent(self, n: usize, car: String, photos: Photos) -> Result<()> {
        let customer = &self.cast.customers[n % self.cast.customers.len()];
        let Some(id) = rental(&self.client, customer, n, &car, photos, self.until).await? else { return Ok(()) };
        let verdict = json!({ "verdict": "clear", "note": "As it was." });
        let decide = Wanted::new(Kind::Decide, format!("/api/v1/returns/{id}/decision"), verdict);
        self.client.insist_gently(&self.cast.admin, n, decide, self.until).await?;
        Ok(())
    }
}

/// One rental from the booking to the return, which is told if it came to that.
///
/// # Errors
/// The clients' ledger cannot be written.
pub async fn rental(
    client: &Client,
    customer: &Person,
    front: usize,
    car: &str,
    photos: Photos,
    until: f64,
) -> Result<Option<String>> {
    let step = |wanted: Wanted| client.insist_gently(customer, front, wanted, until);
    let booked = step(booking_soon(car)).await?;
    let Some(id) = booked.text("id").filter(|_| booked.is(201)) else { return Ok(None) };
    let path = format!("/api/v1/bookings/{id}");
    let readings = json!({ "odometer": 12_000, "fuel": 1.0 });
    let taken = step(Wanted::new(Kind::PickUp, format!("{path}/pickup"), readings)).await?;
    if taken.fate != Fate::Ok {
        return Ok(None);
    }
    give_back(client, customer, front, id, &photos, until).await
}

/// Every other customer sends the photos with the return, the others straight to the bucket.
async fn give_back(
    client: &Client,
    customer: &Person,
    front: usize,
    booking: &str,
    photos: &Photos,
    until: f64,
) -> Result<Option<String>> {
    let step = |wanted: Wanted| client.insist_gently(customer, front, wanted, until);
    // The pictures of all returns look alike, so other ones would be asked for.
    let readings = json!({ "odometer": 12_100, "fuel": 0.5, "acceptAsIs": true });
    let path = format!("/api/v1/bookings/{booking}/return");
    if front.is_multiple_of(2) {
        let at_once = Wanted { photos: Some(photos.clone()), ..Wanted::new(Kind::GiveBack, path, readings) };
        let back = step(at_once).await?;
        return Ok(back.text("id").filter(|_| back.is(201)).map(str::to_owned));
    }
    let opened = step(Wanted::new(Kind::OpenReturn, path, json!({}))).await?;
    let Some(id) = opened.text("returnId").filter(|_| opened.is(201)) else { return Ok(None) };
    for target in opened.body["uploads"].as_array().into_iter().flatten() {
        let photo = photos.iter().find(|(slot, _)| target["slot"] == *slot);
        let Some((_, jpeg)) = photo else { continue };
        if client.put(target, jpeg, client.ledger.left(until)).await.is_err() {
            return Ok(None);
        }
    }
    let back = step(Wanted::new(Kind::GiveBack, format!("/api/v1/returns/{id}/complete"), readings)).await?;
    Ok(back.text("id").filter(|_| back.is(200)).map(str::to_owned))
}

impl Client {
    /// As [`Client::insist`], with more patience for what takes long. An answer that it is
    /// accepted is not enough: the same is asked again until it is done.
    async fn insist_gently(&self, who: &Person, front: usize, mut wanted: Wanted, until: f64) -> Result<Answer> {
        wanted.wait = 10;
        let mut patience = Patience::of(self.ledger.left(until));
        loop {
            let answer = self.insist(Some(who), front, &wanted, until).await?;
            if !answer.is(202) || !patience.again().await {
                return Ok(answer);
            }
        }
    }
}

/// Shows that the platform lives: at every front somebody books and calls off, and a car is
/// picked up with a photo, so that every queue has something to do.
///
/// # Errors
/// The ledger cannot be written; what does not live is the answer, not an error.
pub async fn probe(client: &Client, cast: &Cast, photos: &Photos, seed: u64) -> Result<Vec<bool>> {
    let until = client.ledger.now() + 25.0;
    let customer = &cast.customers[cast.customers.len() - 1];
    let mut alive = Vec::new();
    for front in 0..client.fronts() {
        let mut wanted = booking(&cast.probe, 90 + 3 * front as i64, 1);
        wanted.wait = 8;
        // At this front only: another one would prove nothing about it.
        let mut patience = Patience::of(client.ledger.left(until));
        let mut answer = client.ask(Some(customer), front, &wanted).await?;
        while answer.fate == Fate::Unknown && patience.again().await {
            answer = client.ask(Some(customer), front, &wanted).await?;
        }
        alive.push(answer.fate == Fate::Ok);
        if let Some(id) = answer.text("id").filter(|_| answer.is(201)) {
            let cancel = Wanted::new(Kind::Cancel, format!("/api/v1/bookings/{id}/cancel"), json!({}));
            client.insist(Some(customer), front, &cancel, until).await?;
        }
    }
    pick_up(client, cast, photos, seed, until).await?;
    Ok(alive)
}

async fn pick_up(client: &Client, cast: &Cast, photos: &Photos, seed: u64, until: f64) -> Result<()> {
    // The admin, who may have any number of cars out at a time.
    let booked = client.insist_gently(&cast.admin, 0, booking_soon(&cast.probe), until).await?;
    let Some(id) = booked.text("id").filter(|_| booked.is(201)) else { return Ok(()) };
    let readings: Value = json!({ "odometer": 500, "fuel": 1.0 });
    let mut wanted = Wanted::new(Kind::PickUp, format!("/api/v1/bookings/{id}/pickup"), readings);
    let one = renewed(photos, seed);
    wanted.photos = Some(Arc::new(one[..1].to_vec()));
    client.insist_gently(&cast.admin, 0, wanted, until).await?;
    Ok(())
}
