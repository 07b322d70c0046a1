//! The fleet: cars join, change and leave.

mod block;

use entity::{booking, branch, car, reservation};
use jobs::{
    Refusal,
    car::{AddCar, ChangeCar, RetireCar},
    waitlist::PromoteWaitlist,
};
use rules::{
    booking::BookingStatus,
    car::{CarRefused, CarStatus, Facts},
    money::{Currency, Money},
    problem::{self, Reason},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, SqlErr, Statement,
};
use uuid::Uuid;
use view::car::{Car, Retired};

use crate::{
    Ending, JobError, Perform, Work, audit,
    booking::stranded,
    branch::no_branch,
    waitlist::{close_all, offers, withdraw},
};

/// Where cars stand that nobody gave a branch: the one branch that the migration makes.
pub(crate) const MAIN_BRANCH: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);

fn refused(reasons: Vec<CarRefused>) -> Refusal {
    let refusal = Refusal::new(problem::VALIDATION_FAILED.code, "Please mend what is listed and send it again.");
    reasons
        .into_iter()
        .map(Reason::from)
        .fold(refusal, |refusal, reason| refusal.because(reason.pointer, reason.message))
}

/// Which of the unique columns was taken, as a refusal.
fn taken(error: &DbErr) -> Option<Refusal> {
    let Some(SqlErr::UniqueConstraintViolation(words)) = error.sql_err() else { return None };
    Some(if words.contains("car_vin_key") {
        Refusal::new(problem::VIN_TAKEN.code, "A VIN belongs to one car only.").because("/vin", "is taken")
    } else {
        Refusal::new(problem::PLATE_TAKEN.code, "A plate belongs to one car only.").because("/plate", "is taken")
    })
}

impl Perform for AddCar {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let facts = Facts {
            year: i32::from(self.year),
            seats: i32::from(self.seats),
            price_per_day: self.price_per_day,
            now: work.now(),
        };
        if let Err(reasons) = rules::car::accept(facts) {
            return Ok(work.refuse(refused(reasons)));
        }

        let tx = work.begin().await?;
        if let Some(car) = car::Entity::find_by_id(self.car_id).one(&tx).await? {
            return work.done(tx, Car::from(car));
        }
        let branch_id = self.branch_id.unwrap_or(MAIN_BRANCH);
        if branch::Entity::find_by_id(branch_id).one(&tx).await?.is_none() {
            return Ok(work.refuse(no_branch()));
        }

        let (car_id, added_by) = (self.car_id, self.added_by);
        let car = match new_row(self, branch_id, &work).insert(&tx).await {
            Ok(car) => car,
            Err(error) => {
                let Some(refusal) = taken(&error) else { return Err(error.into()) };
                return Ok(work.refuse(refusal));
            }
        };
        audit(&tx, Some(added_by), "add_car", "car", car_id).await?;

        work.then(&PromoteWaitlist::new(car_id));
        work.done(tx, Car::from(car))
    }
}

fn new_row(add: AddCar, branch_id: Uuid, work: &Work) -> car::ActiveModel {
    car::ActiveModel {
        id: Set(add.car_id),
        plate: Set(add.plate),
        vin: Set(add.vin),
        make: Set(add.make),
        model: Set(add.model),
        year: Set(add.year),
        category: Set(add.category.into()),
        seats: Set(add.seats),
        fuel_type: Set(add.fuel_type.into()),
        price_per_day: Set(add.price_per_day.amount),
        currency: Set(add.price_per_day.currency.as_str().to_owned()),
        branch_id: Set(branch_id),
        location: Set(add.location),
        description: Set(add.description),
        features: Set(add.features),
        status: Set(CarStatus::InService.into()),
        odometer_km: Set(0),
        version: Set(1),
        created_at: Set(work.now()),
        updated_at: Set(work.now()),
        ..Default::default()
    }
}

/// The row as it will be.
fn changed_row(change: ChangeCar, car: car::Model, turn: Turn, work: &Work) -> car::ActiveModel {
    let version = car.version + 1;
    let mut row = car.into_active_model();
    if turn.stops {
        row.stopped_version = Set(version);
    }
    macro_rules! set_given {
        ($($field:ident),+) => { $(if let Some(value) = change.$field { row.$field = Set(value.into()); })+ };
    }
    set_given!(make, model, year, plate, vin, category, seats, fuel_type);
    set_given!(branch_id, location, description, features, status);
    if let Some(price) = change.price_per_day {
        row.price_per_day = Set(price.amount);
        row.currency = Set(price.currency.as_str().to_owned());
    }
    row.version = Set(version);
    row.updated_at = Set(work.now());
    row
}

/// What a changed car is checked for, as it will be.
fn facts(row: &car::ActiveModel, work: &Work) -> Option<Facts> {
    Some(Facts {
        year: i32::from(*row.year.as_ref()),
        seats: i32::from(*row.seats.as_ref()),
        price_per_day: Money {
            amount: *row.price_per_day.as_ref(),
            currency: Currency::new(row.currency.as_ref()).ok()?,
        },
        now: work.now(),
    })
}

async fn lock(tx: &DatabaseTransaction, id: Uuid) -> Result<Option<car::Model>, DbErr> {
    car::Entity::find_by_id(id).lock_exclusive().one(tx).await
}

fn gone() -> Refusal {
    Refusal::new(problem::NOT_FOUND.code, "There is no such car.")
}

impl Perform for ChangeCar {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let (car_id, changed_by) = (self.car_id, self.changed_by);
        let tx = work.begin().await?;
        let Some(car) = lock(&tx, car_id).await? else {
            return Ok(work.refuse(gone()));
        };
        if let Some(branch) = self.branch_id
            && branch::Entity::find_by_id(branch).one(&tx).await?.is_none()
        {
            return Ok(work.refuse(no_branch()));
        }

        let turn = Turn::of(&self, &car);
        if (turn.retires || turn.moves)
            && let Some(refusal) = still_booked(&tx, car_id).await?
        {
            return Ok(work.refuse(refusal));
        }

        let row = changed_row(self, car, turn, &work);
        if let Some(Err(reasons)) = facts(&row, &work).map(rules::car::accept) {
            return Ok(work.refuse(refused(reasons)));
        }
        let car = match row.update(&tx).await {
            Ok(car) => car,
            Err(error) => {
                let Some(refusal) = taken(&error) else { return Err(error.into()) };
                return Ok(work.refuse(refusal));
            }
        };
        let revoked = take_back(&tx, &mut work, &car, turn).await?;
        audit(&tx, Some(changed_by), "change_car", "car", car_id).await?;

        // It may be back in service, or at another branch, where somebody waits for it.
        work.then(&PromoteWaitlist::new(car_id));
        Ok(work.done(tx, Car::from(car))?.afterwards(async move { offers("revoked", revoked) }))
    }
}

/// What a change means for those who were promised the car.
#[derive(Clone, Copy)]
struct Turn {
    /// It leaves the fleet.
    retires: bool,
    /// It goes to another branch.
    moves: bool,
    /// It was rented out until now, and is not any more.
    stops: bool,
}

impl Turn {
    fn of(change: &ChangeCar, car: &car::Model) -> Self {
        let status = change.status.unwrap_or(car.status.0);
        Self {
            retires: status == CarStatus::Retired && car.status.0 != status,
            moves: change.branch_id.is_some_and(|branch| branch != car.branch_id),
            stops: car.status.0.is_rentable() && !status.is_rentable(),
        }
    }
}

/// Gives up what the car, as it is now, can no longer keep: its offers, its next bookings, those who wait for it.
/// Tells how many offers these were.
async fn take_back(tx: &DatabaseTransaction, work: &mut Work, car: &car::Model, turn: Turn) -> Result<usize, JobError> {
    if !(turn.retires || turn.moves || turn.stops) {
        return Ok(0);
    }
    let (now, cars) = (work.now(), std::slice::from_ref(car));
    let reason = if turn.moves { "the car is at another branch" } else { "the car is not rented out" };
    let revoked = withdraw(tx, work, cars, reason, now).await?;
    if turn.retires {
        close_all(tx, work, car.id, now).await?;
    }
    if turn.stops {
        for conflict in stranded(tx, car, now).await? {
            work.then(&conflict);
        }
    }
    Ok(revoked)
}

/// More numbers than this help nobody.
const MOST_NAMED: usize = 20;

/// Names the bookings that stand in the way of a car that leaves its branch or the fleet.
async fn still_booked(tx: &DatabaseTransaction, car: Uuid) -> Result<Option<Refusal>, DbErr> {
    let live = [BookingStatus::Pending, BookingStatus::Confirmed, BookingStatus::Active];
    let booked = booking::Entity::find()
        .filter(booking::Column::CarId.eq(car))
        .filter(booking::Column::Status.is_in(live.map(BookingStatus::as_str)))
        .order_by_asc(booking::Column::StartsAt)
        .all(tx)
        .await?;
    let mut numbers: Vec<&str> = booked.iter().map(|booking| booking.number.as_str()).collect();
    numbers.truncate(MOST_NAMED);
    let ahead = match booked.len() {
        1 => "1 booking of this car is still ahead; cancel or move it first".to_owned(),
        many => format!("{many} bookings of this car are still ahead; cancel or move them first"),
    };
    let words = format!("{ahead}: {}.", numbers.join(", "));
    Ok((!booked.is_empty()).then(|| Refusal::new(problem::CAR_HAS_BOOKINGS.code, words)))
}

/// Whether anything ever happened to a car that must be kept.
async fn has_history(tx: &DatabaseTransaction, car: Uuid) -> Result<bool, DbErr> {
    let asked = "select 1 as found where exists (select from booking where car_id = $1)
        or exists (select from odometer_reading where car_id = $1)
        or exists (select from rental_return where car_id = $1)
        or exists (select from booking_change where car_id = $1)
        or exists (select from waitlist_entry where car_id = $1)
        or exists (select from waitlist_offer where car_id = $1)";
    let asked = Statement::from_sql_and_values(DbBackend::Postgres, asked, [car.into()]);
    Ok(tx.query_one_raw(asked).await?.is_some())
}

impl Perform for RetireCar {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let Some(car) = lock(&tx, self.car_id).await? else {
            return Ok(work.refuse(gone()));
        };
        if let Some(refusal) = still_booked(&tx, car.id).await? {
            return Ok(work.refuse(refusal));
        }

        let deleted = !has_history(&tx, car.id).await?;
        let mut revoked = 0;
        if deleted {
            // Blocks name their car without the database's help.
            reservation::Entity::delete_many()
                .filter(reservation::Column::ResourceKind.eq("car"))
                .filter(reservation::Column::ResourceId.eq(car.id))
                .exec(&tx)
                .await?;
            car::Entity::delete_by_id(car.id).exec(&tx).await?;
        } else {
            let version = car.version + 1;
            let mut row = car.into_active_model();
            row.status = Set(CarStatus::Retired.into());
            row.version = Set(version);
            row.stopped_version = Set(version);
            row.updated_at = Set(work.now());
            let car = row.update(&tx).await?;
            revoked = take_back(&tx, &mut work, &car, Turn { retires: true, moves: false, stops: false }).await?;
        }
        audit(&tx, Some(self.retired_by), "retire_car", "car", self.car_id).await?;

        let document = Retired { id: self.car_id, deleted, retired: !deleted };
        Ok(work.done(tx, document)?.afterwards(async move { offers("revoked", revoked) }))
    }
}
