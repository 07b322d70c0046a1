use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use entity::{account, booking, booking_change, branch, car, uncleared_return, waitlist_offer};
use jobs::notify::News;
use rules::{
    booking::BookingStatus,
    cancellation::{self, Policy},
    money::{Currency, Money},
    pricing::{Line, Quote},
};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Next, Person,
    before::{Before, told_version},
    people,
    returned::next,
};
use crate::{
    booking::conflict,
    notify::word::{Sum, When},
};

/// A booking as mails tell it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Rental {
    pub(crate) id: Uuid,
    pub(crate) number: String,
    #[serde(skip)]
    pub(crate) status: BookingStatus,
    #[serde(skip)]
    pub(crate) version: i32,
    pub(crate) customer: Person,
    /// All but the last three digits are hidden: enough to recognise, not to call.
    pub(crate) phone: Option<String>,
    /// The whole number, for staff who have to call.
    pub(crate) call: Option<String>,
    pub(crate) plate: String,
    /// Make and model.
    pub(crate) car: String,
    pub(crate) branch: String,
    pub(crate) address: Option<String>,
    /// Where in the branch the car stands.
    pub(crate) location: Option<String>,
    /// IANA name, such as `Europe/Berlin`.
    pub(crate) zone: String,
    pub(crate) starts: When,
    pub(crate) ends: When,
    pub(crate) lines: Vec<PriceLine>,
    pub(crate) subtotal: Sum,
    pub(crate) tax: Option<Sum>,
    pub(crate) total: Sum,
    /// Held, not charged.
    pub(crate) deposit: Option<Sum>,
    pub(crate) late_rule: String,
    pub(crate) free_until: When,
    /// What a cancellation costs after that and before the start, where that differs from `started_fee`.
    pub(crate) late_fee: Option<Sum>,
    /// What it costs after the start, and when nobody comes.
    pub(crate) started_fee: Sum,
    pub(crate) settled: Option<Settled>,
    /// It came from the waitlist: an offer that was accepted.
    pub(crate) waited: bool,
    /// Whether free cancellation was over before the last change of dates.
    pub(crate) window_closed: bool,
    /// The customer has the car.
    pub(crate) is_out: bool,
    /// The car may not be driven.
    pub(crate) is_unsafe: bool,
    /// The car may be driven and is back, and nobody has cleared it.
    pub(crate) is_withheld: bool,
    /// The turn of what endangers it at this moment; loaded for news of that only.
    #[serde(skip)]
    pub(crate) conflict: Option<i32>,
    /// A later mail says or has said how it stands.
    #[serde(skip)]
    pub(crate) overtaken: bool,
    /// What it was when it was last told, for news of a change.
    pub(crate) before: Option<Before>,
    /// Who has the car next.
    pub(crate) next: Option<Next>,
    /// Those who work here and hear of it.
    #[serde(skip)]
    pub(crate) staff: Vec<Person>,
}

/// One line of the price, as it was quoted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PriceLine {
    pub(crate) words: String,
    pub(crate) amount: Sum,
}

/// How a booking that ended early was settled.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Settled {
    pub(crate) at: When,
    /// The rule that decided, in words.
    pub(crate) rule: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) fee: Sum,
    pub(crate) free: bool,
    /// The house had no car.
    pub(crate) by_house: bool,
    pub(crate) refund: Sum,
}

impl Rental {
    /// # Errors
    /// When the database does not answer or holds what nobody can read.
    pub(crate) async fn load(db: &DatabaseConnection, id: Uuid) -> anyhow::Result<Option<Self>> {
        let Some(booking) = booking::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
        let customer = account::Entity::find_by_id(booking.customer_id).one(db).await?;
        let car = car::Entity::find_by_id(booking.car_id).one(db).await?;
        let branch = branch::Entity::find_by_id(booking.branch_id).one(db).await?;
        let (Some(customer), Some(car), Some(branch)) = (customer, car, branch) else { return Ok(None) };
        let offer = waitlist_offer::Entity::find().filter(waitlist_offer::Column::BookingId.eq(id));
        let waited = offer.count(db).await? > 0;
        let zone: Tz = booking.time_zone.parse()?;
        let next = next(db, &booking, zone).await?;
        Ok(Some(Self { waited, next, ..Self::tell(booking, customer, car, branch)? }))
    }

    /// The same, to be told that it was made.
    ///
    /// # Errors
    /// When the database does not answer or holds what nobody can read.
    pub(crate) async fn load_confirmed(db: &DatabaseConnection, id: Uuid) -> anyhow::Result<Option<Self>> {
        let Some(rental) = Self::load(db, id).await? else { return Ok(None) };
        let overtaken = told_version(db, id, rental.customer.id).await? > 0;
        Ok(Some(Self { overtaken, ..rental }))
    }

    /// The same, to be told of the change that made it this version.
    ///
    /// # Errors
    /// When the database does not answer or holds what nobody can read.
    pub(crate) async fn load_changed(db: &DatabaseConnection, id: Uuid, version: i32) -> anyhow::Result<Option<Self>> {
        let Some(booking) = booking::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
        let later = booking_change::Entity::find()
            .filter(booking_change::Column::BookingId.eq(id))
            .filter(booking_change::Column::Version.gte(version));
        let overtaken = later.count(db).await? > 0;
        let before = Before::load(db, &booking, version).await?;
        Ok(Self::load(db, id).await?.map(|rental| Self { overtaken, before, ..rental }))
    }

    /// The same, for those who run the fleet of its branch or, when there are none and from the second news on, the admins.
    ///
    /// # Errors
    /// When the database does not answer or holds what nobody can read.
    pub(crate) async fn load_for_staff(db: &DatabaseConnection, news: News, id: Uuid) -> anyhow::Result<Option<Self>> {
        let Some(booking) = booking::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
        let mut staff = match news {
            News::CarOverdue => people(db, account::Entity::running_fleet_at(booking.branch_id)).await?,
            _ => Vec::new(),
        };
        if staff.is_empty() {
            staff = people(db, account::Entity::admins()).await?;
        }
        let uncleared = uncleared_return::Entity::holds(db, booking.car_id).await?;
        let conflict = match news {
            News::ConflictUnresolved => conflict(db, id).await?,
            _ => None,
        };
        let told = |rental: Self| Self { staff, conflict, is_withheld: uncleared && !rental.is_unsafe, ..rental };
        Ok(Self::load(db, id).await?.map(told))
    }

    /// # Errors
    /// When a row holds what nobody can read.
    pub(crate) fn tell(
        booking: booking::Model,
        customer: account::Model,
        car: car::Model,
        branch: branch::Model,
    ) -> anyhow::Result<Self> {
        let zone: Tz = booking.time_zone.parse()?;
        let when = |at| When { at, zone };
        let total = Money::new(booking.total, Currency::new(&booking.currency)?);
        let quote = &booking.quote.0;
        let terms = Terms::of(&booking)?;
        Ok(Self {
            id: booking.id,
            status: booking.status.0,
            version: booking.version,
            phone: customer.phone.as_deref().map(masked),
            call: customer.phone.clone(),
            customer: customer.into(),
            car: format!("{} {}", car.make, car.model),
            branch: branch.name,
            address: branch.address,
            location: car.location,
            zone: zone.name().to_owned(),
            starts: when(booking.starts_at),
            ends: when(booking.ends_at),
            lines: price_lines(quote),
            subtotal: Sum(quote.subtotal),
            tax: Sum::unless_zero(quote.tax),
            total: Sum(total),
            deposit: Sum::unless_zero(quote.deposit),
            late_rule: quote.late_rule.clone(),
            free_until: when(terms.free_until),
            late_fee: terms.late_fee.map(Sum),
            started_fee: Sum(terms.started_fee),
            settled: terms.settled(&booking, total, zone)?,
            waited: false,
            is_out: booking.status.0 == BookingStatus::Active,
            window_closed: booking.closed_at.is_some(),
            is_unsafe: !car.status.0.is_rentable(),
            is_withheld: false,
            conflict: None,
            overtaken: false,
            before: None,
            next: None,
            staff: Vec::new(),
            number: booking.number,
            plate: booking.plate,
        })
    }

    /// What it is filed under in subjects and lists: plate, make and model.
    pub(crate) fn car_words(&self) -> String {
        format!("{} {}", self.plate, self.car)
    }
}

/// The cancellation policy, as amounts for this very booking.
struct Terms {
    facts: cancellation::Facts,
    free_until: DateTime<Utc>,
    late_fee: Option<Money>,
    started_fee: Money,
}

impl Terms {
    fn of(booking: &booking::Model) -> anyhow::Result<Self> {
        let policy = Policy::default();
        let facts = booking.cancellation(booking.starts_at)?;
        let period = facts.period;
        let free_until = cancellation::ends_free(&policy, &facts);
        let last_moment = cancellation::Facts { now: period.start - TimeDelta::seconds(1), ..facts };
        let late_fee = cancellation::refund(&policy, &last_moment)?.fee;
        let started_fee = cancellation::refund(&policy, &facts)?.fee;
        Ok(Self {
            free_until,
            late_fee: (free_until < period.start && late_fee != started_fee).then_some(late_fee),
            started_fee,
            facts,
        })
    }

    fn settled(&self, booking: &booking::Model, total: Money, zone: Tz) -> anyhow::Result<Option<Settled>> {
        let Some(at) = booking.cancelled_at else { return Ok(None) };
        let money = |amount: Option<i64>| Money::new(amount.unwrap_or_default(), total.currency);
        let no_show = booking.status.0 == BookingStatus::NoShow;
        let again = cancellation::refund(&Policy::default(), &cancellation::Facts { now: at, no_show, ..self.facts })?;
        let fee = money(booking.cancel_fee);
        Ok(Some(Settled {
            at: When { at, zone },
            // Only what was decided is told: another fee had another reason.
            rule: (again.fee == fee).then_some(again.rule),
            reason: booking.cancel_reason.clone(),
            fee: Sum(fee),
            free: fee.amount == 0,
            by_house: booking.house_fault,
            refund: Sum(money(booking.refund)),
        }))
    }
}

pub(super) fn price_lines(quote: &Quote) -> Vec<PriceLine> {
    let words = |line: &Line| {
        let many = if line.quantity == 1 { "" } else { "s" };
        format!("{}, {} {}{many}", line.description, line.quantity, line.unit)
    };
    quote.lines.iter().map(|line| PriceLine { words: words(line), amount: Sum(line.amount) }).collect()
}

fn masked(phone: &str) -> String {
    let shown = phone.chars().count().saturating_sub(3);
    phone.chars().enumerate().map(|(place, c)| if place < shown && c.is_ascii_digit() { '•' } else { c }).collect()
}
