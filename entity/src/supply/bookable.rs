use std::cmp::Reverse;

use rules::{
    car::Category,
    pricing::Quote,
    waitlist::{Answer, Fit, Terms},
};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use super::{Supply, best};
use crate::{branch, car, waitlist_entry};

/// What is waited for: a car, or a class at the branch.
pub struct Wanted {
    pub car: Option<car::Model>,
    pub branch: branch::Model,
}

/// Free time that serves a wish now, and its price.
pub struct Bookable {
    pub car: car::Model,
    pub fit: Fit,
    pub quote: Quote,
    /// A better car than was asked for, at less than its own price: the queue gives it, nobody can book it so.
    pub is_gift: bool,
    /// Neither the car nor its branch is paused.
    pub is_open: bool,
    /// Too late to ask one after the other.
    pub is_final_call: bool,
}

impl Wanted {
    /// What an entry waits for, without any lock.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(db: &impl ConnectionTrait, entry: &waitlist_entry::Model) -> Result<Option<Self>, DbErr> {
        let car = match entry.car_id {
            Some(id) => car::Entity::find_by_id(id).one(db).await?,
            None => None,
        };
        let Some(branch) = car.as_ref().map(|car| car.branch_id).or(entry.branch_id) else { return Ok(None) };
        let branch = branch::Entity::find_by_id(branch).one(db).await?;
        Ok(branch.map(|branch| Self { car, branch }))
    }

    /// What is free of it for an entry: what can be booked first, then exact dates, then the longest,
    /// then the cheapest. One for each car.
    ///
    /// # Errors
    /// When the database does not answer or holds what nobody can read.
    pub async fn bookable(
        &self,
        db: &impl ConnectionTrait,
        entry: &waitlist_entry::Model,
        terms: Terms,
    ) -> Result<Vec<Bookable>, DbErr> {
        let cars = match &self.car {
            Some(car) => vec![car.clone()],
            None => of_class(db, entry, &self.branch).await?,
        };
        let cars = cars.into_iter().filter(|car| car.status.0.is_rentable()).collect();
        let mut found = Vec::new();
        for supply in Supply::of(db, cars, &self.branch, terms).await? {
            found.extend(supply.bookable(entry)?);
        }
        found.sort_by_key(|it| {
            let length = Reverse(it.fit.period.length());
            (it.is_gift, !it.fit.exact, length, it.quote.total.amount, it.car.id)
        });
        Ok(found)
    }
}

impl Supply {
    /// What of this car's free time serves a wish best, at a price that is not above its cap.
    ///
    /// # Errors
    /// As [`Supply::quote`].
    pub fn bookable(&self, entry: &waitlist_entry::Model) -> Result<Option<Bookable>, DbErr> {
        let Some((_, answer)) = best(entry, &self.gaps, self) else { return Ok(None) };
        let (Answer::Offer { fit, .. } | Answer::FinalCall(fit)) = answer;
        let quote = self.quote(entry, fit.period)?;
        if entry.is_too_dear(quote.total) {
            return Ok(None);
        }
        let (is_gift, is_open) = (self.is_gift(entry), self.is_open());
        let is_final_call = matches!(answer, Answer::FinalCall(_));
        Ok(Some(Bookable { car: self.car.clone(), fit, quote, is_gift, is_open, is_final_call }))
    }
}

impl Bookable {
    /// Whether whoever waits may book it like anybody else. A better car for less is only given in turn,
    /// unless it is too late for turns.
    pub fn is_first_come(&self) -> bool {
        self.is_open && (self.is_final_call || !self.is_gift)
    }
}

/// The cars at a branch that an entry for a class would take.
async fn of_class(
    db: &impl ConnectionTrait,
    entry: &waitlist_entry::Model,
    branch: &branch::Model,
) -> Result<Vec<car::Model>, DbErr> {
    let Some(class) = entry.category.map(|category| category.0) else { return Ok(Vec::new()) };
    let better = class.upgrades().filter(|_| entry.or_better);
    let classes: Vec<&str> = std::iter::once(class).chain(better).map(Category::as_str).collect();
    let of_class = Condition::all().add(car::Column::BranchId.eq(branch.id)).add(car::Column::Category.is_in(classes));
    car::Entity::find().filter(of_class).all(db).await
}
