//! The rows of the fault matrix: what is broken, how, and what must hold besides the counters.

mod backlog;
mod booking;
mod boundary;
mod crash;
mod front;
mod photo;
mod poison;
mod postgres;
mod redis;
mod side;
mod soak;
mod waitlist;
mod worker;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use dev::Process;
use futures::future::LocalBoxFuture;

use crate::{
    cast::{Cast, Crowd},
    check::Meant,
    dice::Dice,
    stage::{Setup, Stage},
    wait::until_ok,
};

/// What an injection sees and may break.
pub struct Scene<'a> {
    pub stage: &'a Stage<'a>,
    pub cast: Arc<Cast>,
    pub seed: u64,
    /// How long the fault lasts.
    pub lasts: Duration,
    complaints: Mutex<Vec<String>>,
    notes: Mutex<Vec<String>>,
    meant: Mutex<Meant>,
}

impl<'a> Scene<'a> {
    #[must_use]
    pub fn new(stage: &'a Stage<'a>, cast: Arc<Cast>, seed: u64, lasts: Duration) -> Self {
        Self {
            stage,
            cast,
            seed,
            lasts,
            complaints: Mutex::default(),
            notes: Mutex::default(),
            meant: Mutex::default(),
        }
    }

    fn dice(&self, name: &str) -> Dice {
        Dice::new(self.seed, name)
    }

    /// Says what did not hold, unless it did.
    fn expect(&self, holds: bool, words: impl Into<String>) {
        let (words, mut said) = (words.into(), self.complaints.lock().unwrap_or_else(PoisonError::into_inner));
        if !holds && !said.contains(&words) {
            said.push(words);
        }
    }

    /// Says something that the table should tell, good or bad.
    fn note(&self, words: impl Into<String>) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(words.into());
    }

    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// So many jobs are meant to be given up.
    fn gives_up(&self, jobs: usize) {
        self.meant.lock().unwrap_or_else(PoisonError::into_inner).dead += jobs;
    }

    /// So many objects are meant to be missing.
    fn takes_away(&self, objects: usize) {
        self.meant.lock().unwrap_or_else(PoisonError::into_inner).missing += objects;
    }

    #[must_use]
    pub fn meant(&self) -> Meant {
        *self.meant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// So many times at even intervals over the whole time of the fault.
    async fn times(&self, count: u32, mut act: impl AsyncFnMut() -> Result<()>) -> Result<()> {
        for _ in 0..count {
            act().await?;
            tokio::time::sleep(self.lasts / count).await;
        }
        Ok(())
    }

    /// Waits until a server that was killed answers again: whoever keeps it running pauses first.
    async fn back(&self, resume: impl AsyncFn() -> Result<()>) -> Result<()> {
        until_ok(Duration::from_secs(60), resume).await
    }

    /// One of the workers whose lease is short, by chance.
    fn any_worker(&self, dice: &mut Dice) -> &Process {
        let quick: Vec<&Process> =
            ["booking", "notify", "waitlist", "thumbnail"].iter().flat_map(|pool| self.stage.pool(pool)).collect();
        quick[dice.below(quick.len())]
    }
}

type Inject = for<'a> fn(&'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>>;

/// One row.
#[derive(Clone)]
pub struct Scenario {
    /// As in the matrix.
    pub row: &'static str,
    pub name: String,
    /// What is broken, in words.
    pub fault: String,
    pub setup: Setup,
    pub crowd: Crowd,
    pub per_second: f64,
    /// Of load; the fault takes the middle of it.
    pub seconds: f64,
    /// How long until nothing may be left to do.
    pub patience: Duration,
    /// A job of a dead worker runs again within this.
    pub reruns_within: Option<f64>,
    /// What waited for the end of the fault has a ticket within this.
    pub dispatch_within: Option<f64>,
    pub inject: Inject,
}

/// A job whose ticket was lost with all of Redis, in seconds.
const DISPATCH: f64 = 10.0;

/// A job of a worker that was killed: its lease, two seconds, and one more because the test itself keeps the
/// machine busy.
const RERUN: f64 = 15.0 + 2.0 + 1.0;

impl Scenario {
    fn new(row: &'static str, name: &str, fault: &str, inject: Inject) -> Self {
        Self {
            row,
            name: name.to_owned(),
            fault: fault.to_owned(),
            setup: Setup::default(),
            crowd: Crowd::default(),
            per_second: 15.0,
            seconds: 12.0,
            patience: Duration::from_secs(75),
            reruns_within: None,
            dispatch_within: None,
            inject,
        }
    }

    fn seconds(mut self, seconds: f64) -> Self {
        self.seconds = seconds;
        self
    }

    fn rate(mut self, per_second: f64) -> Self {
        self.per_second = per_second;
        self
    }

    /// Nobody asks for anything but what the injection itself asks for.
    fn alone(mut self) -> Self {
        self.per_second = 0.0;
        self.crowd.rentals = 0;
        self
    }

    fn reruns(mut self) -> Self {
        self.reruns_within = Some(RERUN);
        self
    }

    fn dispatches(mut self) -> Self {
        self.dispatch_within = Some(DISPATCH);
        self
    }

    fn patient(mut self, seconds: u64) -> Self {
        self.patience = Duration::from_secs(seconds);
        self
    }

    fn set(mut self, change: impl FnOnce(Setup) -> Setup) -> Self {
        self.setup = change(self.setup);
        self
    }

    /// With the programs that can be poisoned and crashed at a point.
    fn faults(self) -> Self {
        self.set(|setup| Setup { faults: true, ..setup })
    }

    /// Whether a wish on the command line means this row: its number, its name, or the
    /// beginning of its name up to a dot.
    #[must_use]
    pub fn is(&self, wish: &str) -> bool {
        self.row == wish || self.name == wish || self.name.split('.').next() == Some(wish)
    }
}

/// Every row, in the order of the matrix.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let groups = [
        worker::rows(),
        poison::rows(),
        crash::rows(),
        redis::rows(),
        postgres::rows(),
        front::rows(),
        side::rows(),
        photo::rows(),
        booking::rows(),
        boundary::rows(),
        soak::rows(),
        waitlist::rows(),
    ];
    groups.into_iter().flatten().collect()
}

/// The rows that every test run plays: the core of the promise in a few minutes.
#[must_use]
pub fn short() -> Vec<Scenario> {
    let core = ["1", "21", "38", "51", "64"];
    let rows = all().into_iter().filter(|scenario| core.contains(&scenario.row));
    rows.map(|scenario| {
        // Who plays alone stays alone.
        let (seconds, rate) = (scenario.seconds.min(8.0), scenario.per_second.min(12.0));
        scenario.seconds(seconds).rate(rate)
    })
    .collect()
}
