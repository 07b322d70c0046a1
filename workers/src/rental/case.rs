//! What every step of a rental looks at: the booking with its car, branch and return.

use chrono::{DateTime, Utc};
use entity::{audit_log, booking, branch, car, odometer_reading, photo, rental_return};
use jobs::{Refusal, rental::Asker};
use rules::{car::odometer, problem, rental::Fuel};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};
use serde_json::Value;
use uuid::Uuid;
use view::rental::Return;

use crate::booking::{Locked, lock};

/// A booking and what belongs to it.
pub(super) struct Case {
    pub(super) booking: booking::Model,
    pub(super) car: car::Model,
    pub(super) branch: branch::Model,
    pub(super) rental_return: Option<rental_return::Model>,
}

impl Case {
    /// The rental of a booking as it stands; `None` when there is none.
    pub(super) async fn find(db: &impl ConnectionTrait, booking: Uuid) -> Result<Option<Self>, DbErr> {
        let Some(booking) = booking::Entity::find_by_id(booking).one(db).await? else { return Ok(None) };
        let car = car::Entity::find_by_id(booking.car_id).one(db).await?.ok_or_else(|| gone("car"))?;
        Self::complete(db, booking, car).await
    }

    /// The same, locked in the order in which everybody locks: car, booking, return.
    pub(super) async fn lock(tx: &DatabaseTransaction, booking: Uuid) -> Result<Option<Self>, DbErr> {
        let Some(Locked { booking: locked, car, .. }) = lock(tx, booking, None).await? else { return Ok(None) };
        let returns = rental_return::Entity::find().filter(rental_return::Column::BookingId.eq(booking));
        returns.lock_exclusive().one(tx).await?;
        Self::complete(tx, locked, car).await
    }

    async fn complete(
        db: &impl ConnectionTrait,
        booking: booking::Model,
        car: car::Model,
    ) -> Result<Option<Self>, DbErr> {
        let branch = branch::Entity::find_by_id(booking.branch_id).one(db).await?.ok_or_else(|| gone("branch"))?;
        let returns = rental_return::Entity::find().filter(rental_return::Column::BookingId.eq(booking.id));
        let rental_return = returns.one(db).await?;
        Ok(Some(Self { booking, car, branch, rental_return }))
    }

    /// Whether this person may act for the booking.
    pub(super) fn belongs_to(&self, asker: &Asker) -> bool {
        asker.staff || self.booking.customer_id == asker.account_id
    }

    /// Staff who rent a car themselves excuse nothing of it: somebody else of the house must say so.
    pub(super) fn own_word(&self, asker: &Asker, reason: Option<&str>) -> Option<Refusal> {
        let words = "This is a rental of your own. Somebody else of the house must take your reason.";
        let own = reason.is_some() && self.booking.customer_id == asker.account_id;
        own.then(|| Refusal::new(problem::FORBIDDEN.code, words))
    }

    /// What is wrong with the readings of the instruments, if anything. Where staff have `corrected` the odometer, its last
    /// reading says nothing.
    pub(super) fn doubt(&self, kilometres: i32, fuel: f64, corrected: bool) -> Option<Refusal> {
        // A car comes into the fleet with 0, whatever it shows.
        let previous = Some(self.car.odometer_km).filter(|previous| *previous > 0 && !corrected);
        let refusal = match odometer(previous, kilometres) {
            Err(refused) => Refusal::new(problem::ODOMETER_REFUSED.code, "The odometer reading does not fit this car.")
                .because("/odometer", refused.to_string()),
            Ok(()) => Refusal::new(problem::VALIDATION_FAILED.code, "The readings are not acceptable."),
        };
        let refusal = match Fuel::new(fuel) {
            Err(refused) => refusal.because("/fuel", refused.to_string()),
            Ok(_) => refusal,
        };
        (!refusal.errors.is_empty()).then_some(refusal)
    }

    /// Writes down what the odometer showed, for the car and its history.
    pub(super) async fn read_odometer(
        &self,
        tx: &DatabaseTransaction,
        kilometres: i32,
        source: &str,
        at: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let reading = odometer_reading::ActiveModel {
            id: NotSet,
            car_id: Set(self.car.id),
            km: Set(kilometres),
            source: Set(source.to_owned()),
            booking_id: Set(Some(self.booking.id)),
            at: Set(at),
        };
        reading.insert(tx).await?;
        let mut car = self.car.clone().into_active_model();
        car.odometer_km = Set(kilometres);
        car.version = Set(self.car.version + 1);
        car.updated_at = Set(at);
        car.update(tx).await?;
        Ok(())
    }
}

/// What staff give as a reason; nobody else's word counts.
pub(super) fn said_by_staff<'a>(asker: &Asker, reason: Option<&'a str>) -> Option<&'a str> {
    reason.map(str::trim).filter(|reason| asker.staff && !reason.is_empty())
}

fn gone(what: &str) -> DbErr {
    DbErr::RecordNotFound(format!("the {what} of a booking"))
}

/// Answered to strangers too, so that nobody learns which bookings exist.
pub(super) fn not_found() -> Refusal {
    Refusal::new(problem::NOT_FOUND.code, "There is no such booking or return.")
}

pub(crate) fn illegal(words: impl std::fmt::Display) -> Refusal {
    let words = words.to_string();
    let mut letters = words.chars();
    let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    Refusal::new(problem::ILLEGAL_STATE.code, format!("{capital}{}.", letters.as_str()))
}

/// The document of a return, with the photos that count.
pub(super) async fn document(db: &impl ConnectionTrait, rental_return: rental_return::Model) -> Result<Return, DbErr> {
    let photos = photo::Entity::counting(db, rental_return.booking_id).await?;
    Return::new(rental_return, photos)
}

/// Writes down who did what to a return or booking, and what is worth knowing of it.
pub(super) async fn note(
    tx: &DatabaseTransaction,
    actor: Uuid,
    action: &str,
    (kind, id): (&str, Uuid),
    detail: Value,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = audit_log::ActiveModel {
        id: NotSet,
        at: Set(at),
        actor: Set(Some(actor)),
        action: Set(action.to_owned()),
        subject_kind: Set(kind.to_owned()),
        subject_id: Set(id),
        detail: Set(detail),
    };
    row.insert(tx).await?;
    Ok(())
}
