use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{account, booking, branch, damage, derivative, photo, rental_return, stored, waitlist_entry};
use jobs::notify::News;
use rules::{
    booking::BookingStatus,
    damage::CaseState,
    money::Money,
    rental::{Fuel, Occasion, ReturnState, Slot, Verdict},
};
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use uuid::Uuid;
use view::rental::{Region, Report};

use super::{Claimed, Person, Rental, people};
use crate::notify::word::{Sum, When, capital, lines, mark};

/// The return of a car as mails tell it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Returned {
    pub(crate) id: Uuid,
    pub(crate) rental: Rental,
    #[serde(skip)]
    pub(crate) state: ReturnState,
    /// How often better photos were asked for.
    #[serde(skip)]
    pub(crate) turn: i32,
    #[serde(skip)]
    pub(crate) verdict: Option<Verdict>,
    pub(crate) returned: Option<When>,
    /// Minutes beyond the grace; 0 when in time.
    pub(crate) late_minutes: i32,
    /// Kilometres.
    pub(crate) odometer_out: Option<i32>,
    pub(crate) odometer_in: Option<i32>,
    /// Whole percent.
    pub(crate) fuel_out: Option<i64>,
    pub(crate) fuel_in: Option<i64>,
    /// `the renter`, or `staff` with the name.
    pub(crate) brought_by: String,
    pub(crate) without_photos: Option<String>,
    /// What becomes of the damage.
    pub(crate) case: Option<Claimed>,
    #[serde(skip)]
    pub(crate) shots: Vec<Shot>,
    pub(crate) report: Report,
    /// What the decider wrote, line by line.
    pub(crate) note: Vec<String>,
    pub(crate) decided_by: Option<String>,
    pub(crate) due: Option<When>,
    /// What was confirmed at this return.
    pub(crate) items: Vec<Item>,
    /// Open items of the car's register that are older than this return.
    pub(crate) register: Vec<String>,
    pub(crate) next: Option<Next>,
    /// People on the waitlist whom this car could serve.
    pub(crate) waiting: i64,
    pub(crate) auto_release: bool,
    /// Who is asked to decide: the people of its branch.
    pub(crate) deciders: Vec<Person>,
    /// Who is asked when they do not.
    pub(crate) admins: Vec<Person>,
}

/// The photo that counts for one side at one end of the rental.
#[derive(Clone, Debug)]
pub(crate) struct Shot {
    pub(crate) id: Uuid,
    pub(crate) occasion: Occasion,
    pub(crate) slot: Slot,
    /// Where its 640-pixel copy is, once there is one.
    pub(crate) copy: Option<String>,
}

/// A damage that a person confirmed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Item {
    pub(crate) number: usize,
    pub(crate) side: String,
    pub(crate) panel: Option<String>,
    pub(crate) class: String,
    pub(crate) severity: String,
    pub(crate) note: Option<String>,
    pub(crate) estimate: Option<Sum>,
    /// There is no pick-up photo of its side, so the estimate is not asked for.
    pub(crate) uncharged: bool,
    #[serde(skip)]
    pub(crate) photo_id: Option<Uuid>,
    #[serde(skip)]
    pub(crate) region: Option<Region>,
}

/// Who has the car next.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Next {
    pub(crate) number: String,
    pub(crate) starts: When,
}

impl Returned {
    /// # Errors
    /// When the database does not answer or holds what nobody can read.
    pub(crate) async fn load(db: &DatabaseConnection, id: Uuid) -> anyhow::Result<Option<Self>> {
        let Some(row) = rental_return::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
        let Some(booking) = booking::Entity::find_by_id(row.booking_id).one(db).await? else { return Ok(None) };
        let Some(rental) = Rental::load(db, booking.id).await? else { return Ok(None) };
        let zone: Tz = booking.time_zone.parse()?;
        let when = |at| When { at, zone };
        let branch = branch::Entity::find_by_id(booking.branch_id).one(db).await?;
        let percent = |level: Option<f64>| level.and_then(|level| Fuel::new(level).ok()).map(Fuel::percent);
        let (register, items): (Vec<_>, Vec<_>) =
            damage::Entity::open_on(row.car_id).all(db).await?.into_iter().partition(|it| it.return_id != Some(id));
        let shots = shots(db, &row).await?;
        let before = shots.iter().filter(|shot| shot.occasion == Occasion::Pickup);
        let before: Vec<_> = before.map(|shot| shot.slot).collect();
        let items = items.into_iter().enumerate();
        let items =
            items.map(|(place, damage)| Item::new(place + 1, damage, &rental, &before)).collect::<Result<_, _>>()?;
        Ok(Some(Self {
            id,
            state: row.state.0,
            turn: row.turn,
            verdict: row.verdict.map(|verdict| verdict.0),
            returned: row.returned_at.map(when),
            late_minutes: row.late_minutes.unwrap_or_default(),
            odometer_out: booking.odometer_out_km,
            odometer_in: row.odometer_km,
            fuel_out: percent(booking.fuel_out),
            fuel_in: percent(row.fuel),
            brought_by: brought_by(db, &row, &booking).await?,
            case: Claimed::load(db, id, zone).await?,
            shots,
            report: Report::of(&row)?.unwrap_or_else(unreported),
            note: row.decision.as_ref().map(note).unwrap_or_default(),
            decided_by: name(db, row.decided_by).await?,
            due: row.decision_due_at.map(when),
            items,
            register: register.iter().map(|damage| known(damage, zone)).collect(),
            next: next(db, &booking, zone).await?,
            waiting: waitlist_entry::waiting_for(db, booking.car_id).await?,
            auto_release: branch.is_some_and(|branch| branch.auto_release),
            deciders: people(db, account::Entity::deciding_at(booking.branch_id)).await?,
            admins: people(db, account::Entity::admins()).await?,
            without_photos: row.without_photos_reason,
            rental,
        }))
    }

    /// Everybody whom this news asks to decide. A branch without anybody who may falls to the admins.
    pub(crate) fn asked(&self, news: News) -> &[Person] {
        let overdue = news == News::DecisionOverdue && !self.admins.is_empty();
        if overdue || self.deciders.is_empty() { &self.admins } else { &self.deciders }
    }

    /// Whether there is a damage case, and it stands in one of these states.
    pub(crate) fn case_is(&self, states: &[CaseState]) -> bool {
        self.case.as_ref().is_some_and(|case| states.contains(&case.state))
    }

    /// The photo that counts for this side.
    pub(crate) fn shot(&self, occasion: Occasion, slot: Slot) -> Option<&Shot> {
        self.shots.iter().find(|shot| (shot.occasion, shot.slot) == (occasion, slot))
    }

    pub(crate) fn next_start(&self) -> Option<DateTime<Utc>> {
        self.next.as_ref().map(|next| next.starts.at)
    }
}

impl Item {
    fn new(number: usize, damage: damage::Model, rental: &Rental, before: &[Slot]) -> Result<Self, DbErr> {
        let read = |region| stored(format_args!("the region of damage {}", damage.id), region);
        let money = |amount| Sum(Money::new(amount, rental.total.0.currency));
        Ok(Self {
            number,
            region: damage.region.as_ref().map(read).transpose()?,
            side: damage.side.0.to_string(),
            panel: damage.panel.map(|panel| panel.0.to_string()),
            class: mark(damage.class.0.as_str()),
            severity: damage.severity.0.to_string(),
            note: damage.note,
            estimate: damage.estimate.map(money),
            uncharged: damage.estimate.is_some() && !damage.side.0.is_chargeable(before),
            photo_id: damage.photo_id,
        })
    }
}

/// What is told while there is no report: that nobody has looked must never read as nothing found.
fn unreported() -> Report {
    Report { not_analysed: Some("there is no report on the photos yet".to_owned()), ..Report::default() }
}

fn note(decision: &serde_json::Value) -> Vec<String> {
    decision["note"].as_str().map(lines).unwrap_or_default()
}

fn known(damage: &damage::Model, zone: Tz) -> String {
    let panel = damage.panel.map(|panel| format!(", {}", panel.0)).unwrap_or_default();
    let since = damage.created_at.with_timezone(&zone).format("%-d %b %Y");
    format!(
        "{}{panel}: {}, {}, in the register since {since}",
        capital(damage.side.0.as_str()),
        mark(damage.class.0.as_str()),
        damage.severity.0
    )
}

async fn name(db: &DatabaseConnection, id: Option<Uuid>) -> anyhow::Result<Option<String>> {
    let Some(id) = id else { return Ok(None) };
    Ok(account::Entity::find_by_id(id).one(db).await?.map(|account| account.name))
}

async fn brought_by(
    db: &DatabaseConnection,
    row: &rental_return::Model,
    booking: &booking::Model,
) -> anyhow::Result<String> {
    if row.brought_by() == booking.customer_id {
        return Ok("the renter".to_owned());
    }
    let staff = name(db, Some(row.brought_by())).await?.unwrap_or_default();
    Ok(format!("staff ({staff})"))
}

/// Who has the booking's car after it.
pub(super) async fn next(db: &DatabaseConnection, booking: &booking::Model, zone: Tz) -> anyhow::Result<Option<Next>> {
    let waiting = [BookingStatus::Pending.as_str(), BookingStatus::Confirmed.as_str()];
    let next = booking::Entity::find()
        .filter(booking::Column::CarId.eq(booking.car_id))
        .filter(booking::Column::Status.is_in(waiting))
        .filter(booking::Column::StartsAt.gt(booking.starts_at))
        .order_by_asc(booking::Column::StartsAt)
        .one(db)
        .await?;
    Ok(next.map(|next| Next { number: next.number, starts: When { at: next.starts_at, zone } }))
}

/// The last accepted photo of each side at each end of the rental, with its small copy.
async fn shots(db: &DatabaseConnection, row: &rental_return::Model) -> anyhow::Result<Vec<Shot>> {
    let photos = photo::Entity::find()
        .filter(photo::Column::BookingId.eq(row.booking_id))
        .filter(photo::Column::State.eq("accepted"))
        .order_by_desc(photo::Column::Version)
        .all(db)
        .await?;
    let copies = derivative::Entity::find()
        .filter(derivative::Column::PhotoId.is_in(photos.iter().map(|photo| photo.id)))
        .filter(derivative::Column::Variant.eq("640"))
        .all(db)
        .await?;
    let copy = |id| copies.iter().find(|copy| copy.photo_id == id).map(|copy| copy.object_key.clone());
    let mut shots: Vec<Shot> = Vec::new();
    for photo in photos {
        let (occasion, slot) = (photo.occasion.0, photo.slot.0);
        if !shots.iter().any(|shot| (shot.occasion, shot.slot) == (occasion, slot)) {
            shots.push(Shot { id: photo.id, occasion, slot, copy: copy(photo.id) });
        }
    }
    Ok(shots)
}
