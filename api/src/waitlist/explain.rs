//! Why those who wait for a car's time were asked or not.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{
    account, branch, car,
    supply::{Supply, best},
    waitlist_entry::{Column, Entity, Model},
    waitlist_offer,
};
use poem_openapi::Object;
use rules::{
    period::Period,
    waitlist::{Answer, Considered, EntryState, Fared, Fit, Gap, OfferState, Terms, explain, explained},
};
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Value,
    sea_query::Expr,
};
use uuid::Uuid;
use view::Word;

use super::staff::served_by;
use crate::error::ApiError;

/// Entries in one explanation; nobody reads more.
const MOST: u64 = 200;

/// Everybody whom the car could serve, in the order in which they are asked.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct Explanation {
    /// The free time of the car within the period asked about.
    free: Vec<view::car::Stretch>,
    items: Vec<Explained>,
}

#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct Explained {
    entry_id: Uuid,
    user_id: Uuid,
    priority: i32,
    state: Word<EntryState>,
    fared: Word<Fared>,
    /// The same in words.
    why: String,
}

/// A car with those who could have wanted its time.
struct Sheet {
    period: Period,
    supply: Supply,
    without_holds: Supply,
    offers: Vec<waitlist_offer::Model>,
    suspended: HashMap<Uuid, bool>,
}

pub(super) async fn explanation(
    db: &DatabaseConnection,
    car_id: Uuid,
    period: Period,
    terms: Terms,
) -> Result<Explanation, ApiError> {
    let car = car::Entity::find_by_id(car_id).one(db).await?.ok_or_else(ApiError::not_found)?;
    let branch = branch::Entity::find_by_id(car.branch_id).one(db).await?.ok_or_else(ApiError::not_found)?;
    let entries = candidates(db, car_id, period).await?;
    let supply = Supply::of(db, vec![car.clone()], &branch, terms).await?.pop();
    let without_holds = Supply::without_holds(db, vec![car], &branch, terms).await?.pop();
    let (supply, without_holds) = supply.zip(without_holds).ok_or_else(ApiError::not_found)?;
    let people: Vec<Uuid> = entries.iter().map(|entry| entry.customer_id).collect();
    let offers = waitlist_offer::Entity::find()
        .filter(waitlist_offer::Column::CustomerId.is_in(people.clone()))
        .filter(waitlist_offer::Column::StartsAt.lt(period.end))
        .filter(waitlist_offer::Column::EndsAt.gt(period.start));
    let accounts = account::Entity::find().filter(account::Column::Id.is_in(people)).all(db).await?;
    let sheet = Sheet {
        period,
        offers: offers.all(db).await?,
        suspended: accounts.into_iter().map(|row| (row.id, row.is_suspended())).collect(),
        supply,
        without_holds,
    };
    let free = sheet.supply.gaps.iter().filter_map(|gap| gap.period.intersection(&period));
    let free = free.map(|free| view::car::Stretch { from: free.start, to: free.end }).collect();
    let mut first_come = Vec::new();
    let items: Result<_, ApiError> = entries.iter().map(|entry| sheet.explained(entry, &mut first_come)).collect();
    Ok(Explanation { free, items: items? })
}

/// Entries of the car whose dates meet the period, whatever became of them.
async fn candidates(db: &DatabaseConnection, car: Uuid, period: Period) -> Result<Vec<Model>, ApiError> {
    let reach = "tstzrange(coalesce(starts_at - make_interval(mins => flexibility_minutes), created_at),
                           coalesce(ends_at + make_interval(mins => flexibility_minutes),
                                    latest_start + make_interval(days => days))) && tstzrange($1, $2)";
    let bounds: [Value; 2] = [DateTime::<Utc>::into(period.start), DateTime::<Utc>::into(period.end)];
    let wanted = Condition::all().add(served_by(db, car).await?).add(Expr::cust_with_values(reach, bounds));
    let query = Entity::find().filter(wanted).order_by_desc(Column::Priority).order_by_asc(Column::Seq);
    Ok(query.limit(MOST).all(db).await?)
}

impl Sheet {
    /// `first_come`: time for which somebody ahead is called, so that it is for the first to book; more is added to it.
    fn explained(&self, entry: &Model, first_come: &mut Vec<Period>) -> Result<Explained, ApiError> {
        let busy = |fit: &Fit| fit.period.with_turnaround(self.supply.moment.turnaround_minutes);
        let answer = match self.answer(entry, &self.supply) {
            Some(Answer::Offer { fit, .. }) if first_come.iter().any(|called| called.overlaps(&busy(&fit))) => {
                Some(Answer::FinalCall(fit))
            }
            answer => answer,
        };
        let without_holds = self.answer(entry, &self.without_holds);
        let own: Vec<OfferState> = self.offers.iter().filter(|offer| self.concerns(offer, entry)).map(state).collect();
        let elsewhere = |offer: &waitlist_offer::Model| {
            offer.customer_id == entry.customer_id && state(offer).is_live() && !self.concerns(offer, entry)
        };
        let considered = Considered {
            state: entry.state.0,
            suspended: self.suspended.get(&entry.customer_id).copied().unwrap_or(true),
            given_away: self.supply.is_open(),
            answer,
            without_holds,
            too_dear: self.is_too_dear(entry, answer.or(without_holds))?,
            offers: &own,
            asked_elsewhere: self.offers.iter().any(elsewhere),
        };
        let fared = explain(&considered);
        if let (Fared::FinalCall, Some(Answer::FinalCall(fit))) = (fared, &answer) {
            first_come.push(busy(fit));
        }
        Ok(Explained {
            entry_id: entry.id,
            user_id: entry.customer_id,
            priority: entry.priority,
            state: entry.state.into(),
            fared: fared.into(),
            why: explained(&considered),
        })
    }

    /// What the free time that meets the period means for the wish. All of a gap counts: part of what
    /// is needed, such as the turnaround, may lie outside of the period that staff ask about.
    fn answer(&self, entry: &Model, supply: &Supply) -> Option<Answer> {
        let gaps: Vec<Gap> = supply.gaps.iter().filter(|gap| gap.period.overlaps(&self.period)).copied().collect();
        best(entry, &gaps, supply).map(|(_, answer)| answer)
    }

    fn concerns(&self, offer: &waitlist_offer::Model, entry: &Model) -> bool {
        offer.entry_id == entry.id && offer.car_id == self.supply.car.id
    }

    fn is_too_dear(&self, entry: &Model, answer: Option<Answer>) -> Result<bool, ApiError> {
        let Some(Answer::Offer { fit, .. } | Answer::FinalCall(fit)) = answer else { return Ok(false) };
        Ok(entry.is_too_dear(self.supply.quote(entry, fit.period)?.total))
    }
}

fn state(offer: &waitlist_offer::Model) -> OfferState {
    offer.state.0
}
