//! What somebody who wants to wait could simply book.

use std::cmp::Reverse;

use entity::{branch, car, waitlist_entry};
use jobs::Refusal;
use rules::{
    car::Category,
    pricing::Quote,
    waitlist::{Answer, Fit, Terms},
};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::json;
use uuid::Uuid;

use super::{
    join::Wanted,
    supply::{Supply, best},
};
use crate::JobError;

/// Free time that serves a wish now, and its price.
pub(super) struct Bookable {
    pub(super) car_id: Uuid,
    /// A better car than was asked for, at less than its own price: the queue offers it, nobody can book it so.
    pub(super) is_gift: bool,
    fit: Fit,
    quote: Quote,
}

impl Bookable {
    /// Adds it to the refusal of somebody who need not wait.
    pub(super) fn describe(self, refusal: Refusal) -> Refusal {
        refusal
            .with("carId", self.car_id.to_string())
            .with("startDate", json!(self.fit.period.start))
            .with("endDate", json!(self.fit.period.end))
            .with("totalPrice", json!(view::Money::new(self.quote.total.amount, self.quote.total.currency.as_str())))
            .with("quote", json!(self.quote))
    }
}

/// The best that is free for an entry: what can be booked first, then exact dates, then the longest,
/// then the cheapest.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    entry: &waitlist_entry::Model,
    wanted: &Wanted,
    terms: Terms,
) -> Result<Option<Bookable>, JobError> {
    let cars = match &wanted.car {
        Some(car) => vec![car.clone()],
        None => of_class(db, entry, &wanted.branch).await?,
    };
    let cars = cars.into_iter().filter(|car| car.status.0.is_rentable()).collect();
    let mut found = Vec::new();
    for supply in Supply::of(db, cars, &wanted.branch, terms).await? {
        let Some((_, Answer::Offer { fit, .. } | Answer::FinalCall(fit))) = best(entry, &supply.gaps, &supply) else {
            continue;
        };
        let quote = supply.quote(entry, fit.period)?;
        if entry.price_cap.is_none_or(|cap| quote.total.amount <= cap) {
            let is_gift = supply.is_gift(entry);
            found.push(Bookable { car_id: supply.car.id, is_gift, fit, quote });
        }
    }
    let worth =
        |it: &Bookable| (it.is_gift, !it.fit.exact, Reverse(it.fit.period.length()), it.quote.total.amount, it.car_id);
    Ok(found.into_iter().min_by_key(worth))
}

/// The cars at a branch that an entry for a class would take.
async fn of_class(
    db: &impl ConnectionTrait,
    entry: &waitlist_entry::Model,
    branch: &branch::Model,
) -> Result<Vec<car::Model>, JobError> {
    let Some(class) = entry.category.map(|category| category.0) else { return Ok(Vec::new()) };
    let better = class.upgrades().filter(|_| entry.or_better);
    let classes: Vec<&str> = std::iter::once(class).chain(better).map(Category::as_str).collect();
    let of_class = Condition::all().add(car::Column::BranchId.eq(branch.id)).add(car::Column::Category.is_in(classes));
    Ok(car::Entity::find().filter(of_class).all(db).await?)
}
