use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{branch, car, waitlist_entry, waitlist_offer};
use rules::{
    period::Period,
    waitlist::{Missed, OfferState, differences, has_expired},
};
use sea_orm::{DatabaseConnection, EntityTrait};
use serde::Serialize;
use uuid::Uuid;

use super::{PriceLine, Waiting, rental::price_lines, waiting::sum};
use crate::notify::word::{Sum, When};

/// Time that was offered to one person, as mails tell it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Offered {
    pub(crate) id: Uuid,
    #[serde(skip)]
    pub(crate) state: OfferState,
    pub(crate) waiting: Waiting,
    /// Make and model.
    pub(crate) car: String,
    pub(crate) plate: String,
    pub(crate) branch: String,
    pub(crate) address: Option<String>,
    /// Where in the branch the car stands.
    pub(crate) location: Option<String>,
    pub(crate) zone: String,
    pub(crate) starts: When,
    pub(crate) ends: When,
    /// What is not as it was wished; empty when everything is.
    pub(crate) differs: Vec<String>,
    /// It was wished for as soon as it is free, whenever that is.
    pub(crate) asap: bool,
    pub(crate) lines: Vec<PriceLine>,
    pub(crate) tax: Option<Sum>,
    pub(crate) total: Sum,
    /// Held, not charged.
    pub(crate) deposit: Option<Sum>,
    pub(crate) expires: When,
}

impl Offered {
    /// # Errors
    /// When the database does not answer or holds what nobody can read.
    pub(crate) async fn load(db: &DatabaseConnection, id: Uuid) -> anyhow::Result<Option<Self>> {
        let Some(offer) = waitlist_offer::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
        let entry = waitlist_entry::Entity::find_by_id(offer.entry_id).one(db).await?;
        let waiting = Waiting::load(db, offer.entry_id).await?;
        let car = car::Entity::find_by_id(offer.car_id).one(db).await?;
        let branch = branch::Entity::find_by_id(offer.branch_id).one(db).await?;
        let (Some(entry), Some(waiting), Some(car), Some(branch)) = (entry, waiting, car, branch) else {
            return Ok(None);
        };
        let missed = entry.missed(db, &car).await?;
        Self::tell(offer, (&entry, &missed), waiting, car, branch).map(Some)
    }

    /// # Errors
    /// When a row holds what nobody can read.
    pub(crate) fn tell(
        offer: waitlist_offer::Model,
        (entry, missed): (&waitlist_entry::Model, &Missed),
        waiting: Waiting,
        car: car::Model,
        branch: branch::Model,
    ) -> anyhow::Result<Self> {
        let zone: Tz = offer.time_zone.parse()?;
        let when = |at| When { at, zone };
        let period = Period::new(offer.starts_at, offer.ends_at)?;
        let differs = |wish| differences(&wish, missed, period, car.category.0, zone);
        let quote = &offer.quote.0;
        Ok(Self {
            id: offer.id,
            state: offer.state.0,
            differs: entry.wish(zone).map(differs).unwrap_or_default(),
            asap: entry.days.is_some(),
            waiting,
            car: format!("{} {}", car.make, car.model),
            plate: car.plate,
            branch: branch.name,
            address: branch.address,
            location: car.location,
            zone: zone.name().to_owned(),
            starts: when(offer.starts_at),
            ends: when(offer.ends_at),
            lines: price_lines(quote),
            tax: Sum::unless_zero(quote.tax),
            deposit: Sum::unless_zero(quote.deposit),
            total: sum(offer.total, &offer.currency)?,
            expires: when(offer.expires_at),
        })
    }

    /// Whether it can still be taken.
    pub(crate) fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.state.is_live() && !has_expired(now, self.expires.at)
    }
}
