//! The checker: it knows the clients' ledger, the inbox, the bucket and the database, and nothing else.

mod clients;
mod effect;
mod mail;
mod sweep;
mod truth;

use std::collections::BTreeSet;

use anyhow::Result;

use crate::{
    ledger::{self, Fate, Wish},
    stage::{POOLS, Stage},
};
use truth::Truth;

/// What was counted. Everything in the first group must be zero.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Accepted, and its job is absent or did not finish.
    pub lost: usize,
    /// Finished, and what it should have done is not there.
    pub lost_effect: usize,
    /// There, and nobody asked for it.
    pub phantom: usize,
    /// Jobs whose completion was committed more than once.
    pub overlap_exec: usize,
    /// Effects that stand twice.
    pub dup_effect: usize,
    /// Events that were told under more than one Message-ID.
    pub mail_ids: usize,
    /// Pairs of bookings of one car that overlap, by what the clients were told and by the tables.
    pub double_booked: usize,
    /// Answers that the tables contradict.
    pub wrong_status: usize,
    /// Jobs whose attempts are not the claims that were seen.
    pub miscounted: usize,
    /// Jobs that were given up, and none was meant to be.
    pub dead: usize,
    /// Jobs that were due and not done after all patience.
    pub stuck: usize,
    /// Fronts and queues that did nothing after the fault was over.
    pub lifeless: usize,
    /// What this scenario wants besides, in words.
    pub besides: Vec<String>,

    // Reported, whatever they are.
    pub tries: usize,
    pub ok: usize,
    pub no: usize,
    pub unknown: usize,
    /// Told nothing, and done all the same.
    pub recovered: usize,
    /// Jobs that were claimed more than once.
    pub again: usize,
    /// Mails that came again under the same Message-ID.
    pub mail_repeats: usize,
    /// Seconds from the end of the fault to the first success.
    pub recovery: Option<f64>,
    /// The longest that a dead worker kept a job, in seconds from the last that was heard of it.
    pub taken_back: Option<f64>,
    /// The longest until such a job was claimed again; behind a backlog it waits for its turn.
    pub rerun: Option<f64>,
    /// Seconds from the end of the fault until the last job that waited for it had a ticket.
    pub dispatch: Option<f64>,
}

impl Counts {
    /// The counters that must be zero, with their names.
    #[must_use]
    pub fn must_be_zero(&self) -> [(&'static str, usize); 12] {
        [
            ("lost", self.lost),
            ("lost effect", self.lost_effect),
            ("phantom", self.phantom),
            ("overlap exec", self.overlap_exec),
            ("dup effect", self.dup_effect),
            ("mail ids", self.mail_ids),
            ("double booked", self.double_booked),
            ("wrong status", self.wrong_status),
            ("miscounted", self.miscounted),
            ("dead", self.dead),
            ("stuck", self.stuck),
            ("lifeless", self.lifeless),
        ]
    }

    #[must_use]
    pub fn holds(&self) -> bool {
        self.besides.is_empty() && self.must_be_zero().iter().all(|(_, count)| *count == 0)
    }

    /// What does not hold, in words.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let wrong = self.must_be_zero().into_iter().filter(|(_, count)| *count > 0);
        let wrong = wrong.map(|(name, count)| format!("{name} {count}"));
        wrong.chain(self.besides.iter().cloned()).collect()
    }
}

/// When the fault was over: by the clients' clock, and by the database's.
#[derive(Clone, Copy, Debug)]
pub struct Healed {
    pub at: f64,
    pub epoch: f64,
}

/// What the scenario itself asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meant {
    /// Jobs that are given up.
    pub dead: usize,
    /// Objects that are no longer in the bucket.
    pub missing: usize,
}

/// Counts everything once nothing is left to do. `fronts` says which of them answered the probe.
///
/// # Errors
/// The database, the inbox or the ledger cannot be read.
pub async fn count(stage: &Stage<'_>, healed: Healed, fronts: &[bool], meant: Meant) -> Result<Counts> {
    let wishes = ledger::read(stage.client.ledger.path())?;
    let mut truth = Truth::read(stage, healed.epoch).await?;
    truth.missing_objects = truth.missing_objects.abs_diff(meant.missing);
    let mut counts = Counts::default();
    tally(&mut counts, &wishes, healed);
    clients::judge(&mut counts, &wishes, &truth);
    effect::judge(&mut counts, &truth);
    mail::judge(&mut counts, &truth);
    counts.double_booked = sweep::overlaps(&wishes, &truth) + truth.overlapping_reservations;
    counts.overlap_exec = truth.finished_twice;
    counts.again = truth.claimed_again;
    counts.miscounted = truth.miscounted;
    counts.taken_back = truth.taken_back;
    counts.rerun = truth.rerun;
    counts.dispatch = truth.dispatch;
    let dead = truth.jobs.iter().filter(|job| job.state == "dead").count();
    counts.dead = dead.abs_diff(meant.dead);
    let awake: BTreeSet<&str> = truth.done_since(healed.epoch);
    let asleep = POOLS.iter().filter(|pool| !awake.contains(*pool));
    counts.lifeless = asleep.count() + fronts.iter().filter(|alive| !**alive).count();
    Ok(counts)
}

fn tally(counts: &mut Counts, wishes: &[Wish], healed: Healed) {
    let tries = || wishes.iter().flat_map(|wish| &wish.tries);
    let ended = |fate| tries().filter(|one| one.fate == fate).count();
    (counts.ok, counts.no, counts.unknown) = (ended(Fate::Ok), ended(Fate::No), ended(Fate::Unknown));
    counts.tries = tries().count();
    let after = tries().filter(|one| one.fate == Fate::Ok && one.invoked >= healed.at);
    let first = after.filter_map(|one| one.completed).fold(f64::INFINITY, f64::min);
    counts.recovery = first.is_finite().then_some(first - healed.at);
}
