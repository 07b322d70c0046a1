//! Time of a car is free: who is asked? (W5–W10)

use chrono::{DateTime, Utc};
use entity::{waitlist_entry, waitlist_offer};
use jobs::{
    notify::{Announce, News},
    waitlist::PromoteWaitlist,
};
use rules::{
    period::Period,
    waitlist::{Answer, Fit, Gap},
};
use sea_orm::{DatabaseTransaction, DbBackend, DbErr, FromQueryResult, Statement};
use serde_json::json;
use uuid::Uuid;

use super::{
    grant::{Grant, follow_up, grant},
    measure,
    queue::{self, Behind},
    supply::{self, Supply, best},
};
use crate::{Ending, JobError, Perform, Work, booking::helped_by};

/// Offers in one transaction; whoever remains is asked by the next.
const MOST_OFFERS: usize = 25;

impl Perform for PromoteWaitlist {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let Some(supply) = supply::lock(&tx, self.car_id, work.context.settings.waitlist_terms).await? else {
            return Ok(work.skip("the car is gone"));
        };
        let mut round = Round::new(&supply);
        // Whoever was promised a car and has none comes before those who wait for one.
        for (resolve, busy) in helped_by(&tx, &supply.car).await? {
            round.leave(busy);
            work.then(&resolve);
        }
        if !supply.is_open() {
            return Ok(work.skip("nothing of this car is given away at present"));
        }
        round.go(&tx).await?;

        for offer in &round.offers {
            follow_up(&mut work, offer);
        }
        for (entry_id, turn) in round.turns(&tx).await? {
            work.then(&Announce { news: News::FinalCall, subject_id: entry_id, turn });
        }
        if round.is_full() {
            work.then(&PromoteWaitlist::new(self.car_id));
        }
        let (offers, called) = (round.offers.len(), round.called.len());
        Ok(work
            .done(tx, json!({ "offers": offers, "called": called }))?
            .afterwards(async move { measure::offers("made", offers) }))
    }
}

/// How often time that is given up again makes a new call to the same entry: whoever books and cancels, which costs nothing within
/// the hour, could fill the mailboxes of all who wait.
const MOST_CALLS: usize = 3;

/// One walk along the queue of a car.
struct Round<'a> {
    supply: &'a Supply,
    /// What is still free.
    gaps: Vec<Gap>,
    offers: Vec<waitlist_offer::Model>,
    /// Entries that hear a final call, each with the gap and what it could have of it.
    called: Vec<(Uuid, Gap, Period)>,
    /// Time that belongs to the first to book, because somebody ahead was called for it.
    first_come: Vec<Period>,
}

impl<'a> Round<'a> {
    fn new(supply: &'a Supply) -> Self {
        let gaps = supply.gaps.clone();
        Self { supply, gaps, offers: Vec::new(), called: Vec::new(), first_come: Vec::new() }
    }

    fn is_full(&self) -> bool {
        self.offers.len() >= MOST_OFFERS
    }

    /// Asks everybody whom a gap serves, in order. Who does not fit keeps the place (W5).
    async fn go(&mut self, tx: &DatabaseTransaction) -> Result<(), JobError> {
        let mut behind = Behind::NOBODY;
        loop {
            let page = queue::next(tx, self.supply, &self.gaps, behind).await?;
            for entry in &page {
                if self.is_full() {
                    return Ok(());
                }
                behind = Behind::of(entry);
                self.ask(tx, entry).await?;
            }
            if page.len() < queue::PAGE {
                return Ok(());
            }
        }
    }

    async fn ask(&mut self, tx: &DatabaseTransaction, entry: &waitlist_entry::Model) -> Result<(), JobError> {
        let Some((gap, best)) = best(entry, &self.gaps, self.supply) else { return Ok(()) };
        let busy = |fit: Fit| fit.period.with_turnaround(self.supply.moment.turnaround_minutes);
        match best {
            Answer::Offer { fit, expires_at } if !self.is_first_come(busy(fit)) => {
                let asked = Grant { offer_id: Uuid::now_v7(), entry: entry.clone(), fit, expires_at, chosen: None };
                if let Some(offer) = grant(tx, self.supply, asked).await? {
                    self.take(gap, busy(fit));
                    self.offers.push(offer);
                }
            }
            Answer::Offer { fit, .. } | Answer::FinalCall(fit) => {
                let quote = self.supply.quote(entry, fit.period)?;
                if !entry.is_too_dear(quote.total) {
                    self.called.push((entry.id, gap, fit.period));
                    self.first_come.push(busy(fit));
                }
            }
        }
        Ok(())
    }

    /// The final calls, each with the turn that tells it from others to the same entry.
    async fn turns(&self, tx: &DatabaseTransaction) -> Result<Vec<(Uuid, i32)>, DbErr> {
        if self.called.is_empty() {
            return Ok(Vec::new());
        }
        let car = self.supply.car.id;
        let freed = freed(tx, car).await?;
        let final_hours = self.supply.moment.terms.final_call;
        let meets = |freed: &&Freed, wanted: &Period| freed.meets(wanted) && freed.at >= wanted.start - final_hours;
        let times = |wanted: &Period| freed.iter().filter(|freed| meets(freed, wanted)).count().min(MOST_CALLS);
        let turn = |(entry, gap, wanted): &(Uuid, Gap, Period)| (*entry, turn(car, *gap, times(wanted)));
        Ok(self.called.iter().map(turn).collect())
    }

    fn is_first_come(&self, busy: Period) -> bool {
        self.first_come.iter().any(|called| called.overlaps(&busy))
    }

    /// Leaves this time to somebody else.
    fn leave(&mut self, busy: Period) {
        let met: Vec<Gap> = self.gaps.iter().filter(|gap| gap.period.overlaps(&busy)).copied().collect();
        for gap in met {
            self.take(gap, busy);
        }
    }

    /// What is left of a gap is two gaps, or one, or none.
    fn take(&mut self, gap: Gap, busy: Period) {
        self.gaps.retain(|free| *free != gap);
        let before = Period::new(gap.period.start, busy.start).map(|period| Gap { period, open: false, ..gap });
        let after = Period::new(busy.end, gap.period.end).map(|period| Gap { period, now: false, ..gap });
        self.gaps.extend(before.into_iter().chain(after));
    }
}

/// Time of a car that somebody had and gave up.
#[derive(FromQueryResult)]
struct Freed {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    at: DateTime<Utc>,
}

impl Freed {
    fn meets(&self, wanted: &Period) -> bool {
        self.starts_at < wanted.end && wanted.start < self.ends_at
    }
}

/// By an end of the booking or the rental, or by a change to other dates or another car.
const FREED: &str = "
    select starts_at, ends_at, coalesce(cancelled_at, returned_at) as at from booking
    where car_id = $1 and ends_at > now() and coalesce(cancelled_at, returned_at) is not null
    union all
    select starts_at, ends_at, created_at as at from booking_change where car_id = $1 and ends_at > now()";

async fn freed(tx: &DatabaseTransaction, car: Uuid) -> Result<Vec<Freed>, DbErr> {
    Freed::find_by_statement(Statement::from_sql_and_values(DbBackend::Postgres, FREED, [car.into()])).all(tx).await
}

/// Tells the final calls of one entry apart: one per car, end of its free time, and how often that was given up within the last
/// hours. The end of open time is no sign: it goes with the clock.
fn turn(car: Uuid, gap: Gap, times: usize) -> i32 {
    let end = if gap.open { i64::MAX } else { gap.period.end.timestamp() };
    let sign = [end.to_be_bytes(), (times as i64).to_be_bytes()].concat();
    let [a, b, c, d, .., e, f, g, h] = Uuid::new_v5(&car, &sign).into_bytes();
    // Any 31 bits do: two that are alike cost one mail of many.
    (i32::from_be_bytes([a, b, c, d]) ^ i32::from_be_bytes([e, f, g, h])) & i32::MAX
}
