use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{
    account, branch, car,
    supply::{Bookable, Wanted},
    waitlist_entry, waitlist_offer,
};
use rules::{
    car::CarStatus,
    money::{Currency, Money},
    waitlist::{EntryState, facts},
};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter};
use serde::Serialize;
use uuid::Uuid;

use super::Person;
use crate::{
    Context,
    notify::word::{Sum, When},
};

/// A place in the queue as mails tell it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Waiting {
    pub(crate) id: Uuid,
    #[serde(skip)]
    pub(crate) state: EntryState,
    pub(crate) customer: Person,
    /// What is waited for, in few words: `VW Golf`, `a compact car or better`.
    pub(crate) what: String,
    pub(crate) branch: String,
    /// IANA name, such as `Europe/Berlin`.
    pub(crate) zone: String,
    /// When, in few words: the wished start, or as soon as possible.
    pub(crate) when: String,
    /// The wish, one fact a line.
    pub(crate) rows: Vec<Row>,
    /// From 1; only while waiting.
    pub(crate) position: Option<i64>,
    /// Something is there that they could book at once. Looked for where a final call is told.
    #[serde(skip)]
    pub(crate) is_bookable: bool,
    /// The car has left the fleet.
    pub(crate) retired: bool,
    /// There was an offer, whatever became of it. Looked for where it is over.
    pub(crate) was_offered: bool,
    /// The wish cannot be met after this.
    #[serde(skip)]
    pub(crate) latest_start: DateTime<Utc>,
}

/// A fact with its name.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

impl Waiting {
    /// # Errors
    /// When the database does not answer or holds what nobody can read.
    pub(crate) async fn load(db: &DatabaseConnection, id: Uuid) -> anyhow::Result<Option<Self>> {
        let Some(entry) = waitlist_entry::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
        let customer = account::Entity::find_by_id(entry.customer_id).one(db).await?;
        let car = match entry.car_id {
            Some(id) => car::Entity::find_by_id(id).one(db).await?,
            None => None,
        };
        let branch = match car.as_ref().map(|car| car.branch_id).or(entry.branch_id) {
            Some(id) => branch::Entity::find_by_id(id).one(db).await?,
            None => None,
        };
        let (Some(customer), Some(branch)) = (customer, branch) else { return Ok(None) };
        let position = waitlist_entry::position(db, &entry).await?;
        let waiting = Self::tell(&entry, customer, car.as_ref(), branch, position)?;
        let offers = waitlist_offer::Entity::find().filter(waitlist_offer::Column::EntryId.eq(id));
        let was_offered = waiting.state == EntryState::Closed && offers.count(db).await? > 0;
        Ok(Some(Self { was_offered, ..waiting }))
    }

    /// The same for a final call, which is none any more when somebody was faster.
    ///
    /// # Errors
    /// When the database does not answer or holds what nobody can read.
    pub(crate) async fn load_called(context: &Context, id: Uuid) -> anyhow::Result<Option<Self>> {
        let Some(entry) = waitlist_entry::Entity::find_by_id(id).one(&context.db).await? else { return Ok(None) };
        let Some(wanted) = Wanted::of(&context.db, &entry).await? else { return Ok(None) };
        let free = wanted.bookable(&context.db, &entry, context.settings.waitlist_terms).await?;
        let is_bookable = free.iter().any(Bookable::is_first_come);
        Ok(Self::load(&context.db, id).await?.map(|waiting| Self { is_bookable, ..waiting }))
    }

    /// # Errors
    /// When a row holds what nobody can read.
    pub(crate) fn tell(
        entry: &waitlist_entry::Model,
        customer: account::Model,
        car: Option<&car::Model>,
        branch: branch::Model,
        position: Option<i64>,
    ) -> anyhow::Result<Self> {
        let zone: Tz = branch.time_zone.parse()?;
        let what = match (car, entry.category) {
            (Some(car), _) => format!("{} {}", car.make, car.model),
            (None, Some(category)) if entry.or_better => format!("{} car or better", category.0),
            (None, category) => format!("{} car", category.map(|category| category.0.as_str()).unwrap_or("any")),
        };
        let when = match entry.starts_at {
            Some(at) => When { at, zone }.to_string(),
            None => "as soon as possible".to_owned(),
        };
        Ok(Self {
            id: entry.id,
            state: entry.state.0,
            customer: customer.into(),
            rows: rows(entry, &what, &branch, zone),
            what,
            branch: branch.name,
            zone: zone.name().to_owned(),
            when,
            position,
            is_bookable: true,
            retired: car.is_some_and(|car| car.status.0 == CarStatus::Retired),
            was_offered: false,
            latest_start: entry.latest_start,
        })
    }
}

fn rows(entry: &waitlist_entry::Model, what: &str, branch: &branch::Model, zone: Tz) -> Vec<Row> {
    let row = |name, value| Row { name, value };
    let mut rows = vec![row("Waiting for", what.to_owned()), row("Branch", branch.name.clone())];
    let wish = entry.wish(zone).map(|wish| facts(&wish, zone)).unwrap_or_default();
    rows.extend(wish.into_iter().map(|(name, value)| row(name, value)));
    rows.extend(entry.cap().map(|cap| row("At most", cap.to_string())));
    rows
}

/// An amount of the price that was frozen.
pub(super) fn sum(amount: i64, currency: &str) -> anyhow::Result<Sum> {
    Ok(Sum(Money::new(amount, Currency::new(currency)?)))
}
