//! The car is back: photos are checked, the time of return is fixed, the inspection begins.

mod retake;

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::{photo, rental_return};
use jobs::{
    Job, Refusal,
    notify::{Announce, News},
    photo::{DetectDamage, MakeThumbnails},
    rental::{ReportReturn, ReturnCar, UploadedPhoto},
    waitlist::PromoteWaitlist,
};
use rules::{
    booking::{BookingStatus, Event},
    photo::PhotoRefused,
    problem,
    rental::{Event as ReturnEvent, Lateness, Occasion, Slot, decision_due_at, lateness, missing},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, EntityTrait, IntoActiveModel};
use serde_json::json;
use uuid::Uuid;

use super::{
    case::{Case, document, illegal, not_found, note, said_by_staff},
    open, time,
};
use crate::{
    Ending, JobError, Perform, Work,
    photo::{Refused, Scene, all_in, arrivals, photos_missing, photos_refused, record, same_sides},
};

impl Perform for ReturnCar {
    /// Four photos may have to be fetched and decoded.
    const TIMEOUT: Duration = Duration::from_secs(120);
    const OUTSIDE: bool = true;

    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let Some(booking) = booking_of(&work, &self).await? else { return Ok(work.refuse(not_found())) };
        let seen = Case::find(work.db(), booking).await?.filter(|case| case.belongs_to(&self.asker));
        let Some(seen) = seen else { return Ok(work.refuse(not_found())) };
        if let Some(refusal) = refusal(&self, &seen) {
            return Ok(work.refuse(refusal));
        }
        let compared = retake::is_open(&self, seen.rental_return.as_ref());
        let arrivals = match is_complete(&seen) {
            true => Vec::new(),
            false => arrivals(&work, booking, Occasion::Return, &self.photos, compared).await?,
        };
        let twice = same_sides(&arrivals).await?;

        let tx = work.begin().await?;
        let Some(case) = Case::lock(&tx, booking).await? else {
            return Ok(work.refuse(not_found()));
        };
        if let Some(known) = case.rental_return.clone().filter(|_| is_complete(&case)) {
            if !is_repeat(&tx, &self, &known).await? {
                let words = "the car is returned already with other readings or photos, which stand; nothing of these was taken";
                return Ok(work.refuse(illegal(words)));
            }
            let document = document(&tx, known).await?;
            return work.done(tx, document);
        }
        if let Some(refusal) = open::obstacle(&case).or_else(|| refusal(&self, &case)) {
            return Ok(work.refuse(refusal));
        }

        let open = match case.rental_return.clone() {
            Some(open) => open,
            None => open::insert(&tx, &work, &case, self.return_id, self.asker.account_id).await?,
        };
        let scene = Scene {
            booking: &case.booking,
            return_id: Some(open.id),
            occasion: Occasion::Return,
            turn: open.turn,
            asker: &self.asker,
            received_at: work.asked_at(),
        };
        let refused = record(&tx, &scene, arrivals).await?;
        let taken = Taken::of(&tx, &open).await?;
        if excuse(&self).is_none()
            && let Some(refusal) = lacking(&taken, &refused)
        {
            return Ok(work.refuse_with(tx, refusal.with("returnId", open.id.to_string())));
        }
        if let Some(refusal) = retake::advice(&tx, &work, &self, &open, &taken.new, &twice).await? {
            return Ok(work.refuse_with(tx, refusal));
        }
        let first = case.booking.status.0 == BookingStatus::Active;
        let freed = first && receive(&tx, &work, &self, &case).await?;
        let returned = complete(&tx, &work, &self, &case, open, taken.lacks_photos()).await?;

        follow_up(&tx, &mut work, &returned).await?;
        if freed {
            work.then(&PromoteWaitlist::new(case.car.id));
        }
        let document = document(&tx, returned).await?;
        work.done(tx, document)
    }
}

async fn booking_of(work: &Work, asked: &ReturnCar) -> Result<Option<Uuid>, JobError> {
    if asked.booking_id.is_some() {
        return Ok(asked.booking_id);
    }
    let known = rental_return::Entity::find_by_id(asked.return_id).one(work.db()).await?;
    Ok(known.map(|known| known.booking_id))
}

fn is_complete(case: &Case) -> bool {
    case.rental_return.as_ref().is_some_and(|known| !known.state.0.takes_photos())
}

/// Whether a return that is complete was asked for with just what stands: its readings, and no photo but those that
/// count.
async fn is_repeat(
    tx: &DatabaseTransaction,
    asked: &ReturnCar,
    known: &rental_return::Model,
) -> Result<bool, JobError> {
    let photos = photo::Entity::counting(tx, known.booking_id).await?;
    let stands = |sent: &UploadedPhoto| {
        let sha256 = hex::decode(&sent.sha256).ok();
        let of_side = |it: &&photo::Model| (it.occasion.0, it.slot.0) == (Occasion::Return, sent.slot);
        photos.iter().find(of_side).is_some_and(|photo| photo.sha256 == sha256)
    };
    let same_readings = known.odometer_km == Some(asked.odometer) && known.fuel == Some(asked.fuel);
    Ok(same_readings && asked.photos.iter().all(stands))
}

/// Why staff take the car back without photos (R6); nobody else can excuse their lack.
fn excuse(asked: &ReturnCar) -> Option<&str> {
    said_by_staff(&asked.asker, asked.without_photos_reason.as_deref())
}

/// Why the odometer is right although it does not fit its last reading.
fn correction(asked: &ReturnCar) -> Option<&str> {
    said_by_staff(&asked.asker, asked.odometer_correction.as_deref())
}

/// What is wrong with the readings. When better photos were asked for, the
/// readings of the first time stand.
fn refusal(asked: &ReturnCar, case: &Case) -> Option<Refusal> {
    let first = case.booking.status.0 == BookingStatus::Active;
    let doubt = || case.doubt(asked.odometer, asked.fuel, correction(asked).is_some()).filter(|_| first);
    case.own_word(&asked.asker, excuse(asked).or(correction(asked))).or_else(doubt)
}

/// The photos of the return that count.
struct Taken {
    /// The slots without one.
    missing: Vec<Slot>,
    /// Those that came since photos were asked for: all of them, or since better ones were.
    new: Vec<photo::Model>,
}

impl Taken {
    async fn of(tx: &DatabaseTransaction, open: &rental_return::Model) -> Result<Self, JobError> {
        let photos = photo::Entity::counting(tx, open.booking_id).await?.into_iter();
        let photos: Vec<_> = photos.filter(|photo| photo.occasion.0 == Occasion::Return).collect();
        let missing = missing(&photos.iter().map(|photo| photo.slot.0).collect::<Vec<_>>());
        Ok(Self { missing, new: photos.into_iter().filter(|photo| photo.turn == open.turn).collect() })
    }

    fn lacks_photos(&self) -> bool {
        !self.missing.is_empty() || self.new.is_empty()
    }
}

/// Which photos are still wanted: those that never came, or else those that cannot be taken, or any that is new.
fn lacking(taken: &Taken, refused: &[Refused]) -> Option<Refusal> {
    let came = |slot: &Slot| refused.iter().any(|photo| photo.slot == *slot && photo.reason != PhotoRefused::Missing);
    let absent: Vec<Slot> = taken.missing.iter().copied().filter(|slot| !came(slot)).collect();
    match (absent.is_empty(), refused.is_empty()) {
        (false, _) => Some(photos_missing(&absent, refused)),
        (true, false) => Some(photos_refused(refused)),
        (true, true) => taken.new.is_empty().then(nothing_new),
    }
}

fn nothing_new() -> Refusal {
    let words = "New photos were asked for, and none has come: those that were sent are here already. Please take at \
                 least one of the sides again.";
    Refusal::new(problem::PHOTOS_MISSING.code, words).with("missing", json!([]))
}

/// The renter's duty ends: readings, status and time. `true`: some of the car's time became free.
async fn receive(tx: &DatabaseTransaction, work: &Work, asked: &ReturnCar, case: &Case) -> Result<bool, JobError> {
    let status = case.booking.status.0.after(Event::Returned)?;
    let returned_at = work.asked_at();
    case.read_odometer(tx, asked.odometer, "return", returned_at).await?;
    let mut row = case.booking.clone().into_active_model();
    row.status = Set(status.into());
    row.returned_at = Set(Some(returned_at));
    row.odometer_in_km = Set(Some(asked.odometer));
    row.fuel_in = Set(Some(asked.fuel));
    row.version = Set(case.booking.version + 1);
    row.updated_at = Set(work.now());
    row.update(tx).await?;
    Ok(time::end(tx, case, returned_at, work.now()).await?)
}

/// The inspection begins. What was fixed the first time (R3) stays when better photos come.
async fn complete(
    tx: &DatabaseTransaction,
    work: &Work,
    asked: &ReturnCar,
    case: &Case,
    open: rental_return::Model,
    lacks_photos: bool,
) -> Result<rental_return::Model, JobError> {
    let returned_at = open.returned_at.unwrap_or_else(|| work.asked_at());
    let detail = json!({ "turn": open.turn, "odometer": asked.odometer, "fuel": asked.fuel,
                         "withoutPhotosReason": excuse(asked), "odometerCorrection": correction(asked) });
    note(tx, asked.asker.account_id, ReturnCar::KIND, ("return", open.id), detail, work.now()).await?;
    let next = time::next_start(tx, case, work.now()).await?;
    let (state, version) = (open.state.0.after(ReturnEvent::Completed)?, open.version);
    let first = open.returned_at.is_none();
    let mut row = open.into_active_model();
    row.state = Set(state.into());
    // What asked for better photos is answered; a person decides anew.
    row.decision = Set(None);
    row.retake_advised_at = Set(None);
    row.report = Set(None);
    row.reported_at = Set(None);
    row.decision_due_at = Set(Some(decision_due_at(work.now(), next)));
    row.version = Set(version + 1);
    row.updated_at = Set(work.now());
    if first {
        row.returned_at = Set(Some(returned_at));
        row.completed_by = Set(Some(asked.asker.account_id));
        row.odometer_km = Set(Some(asked.odometer));
        row.fuel = Set(Some(asked.fuel));
        row.late_minutes = Set(Some(late_minutes(case.booking.ends_at, returned_at)));
    }
    if lacks_photos {
        row.without_photos_reason = Set(excuse(asked).map(str::to_owned));
    }
    Ok(row.update(tx).await?)
}

fn late_minutes(due: DateTime<Utc>, returned_at: DateTime<Utc>) -> i32 {
    match lateness(due, returned_at) {
        Lateness::OnTime => 0,
        _ => i32::try_from((returned_at - due).num_minutes()).unwrap_or(i32::MAX),
    }
}

async fn follow_up(tx: &DatabaseTransaction, work: &mut Work, returned: &rental_return::Model) -> Result<(), JobError> {
    let photos = photo::Entity::counting(tx, returned.booking_id).await?;
    for photo in &photos {
        work.then(&MakeThumbnails { photo_id: photo.id });
        work.then(&DetectDamage { photo_id: photo.id });
    }
    let report = |overdue| ReportReturn { return_id: returned.id, turn: returned.turn, overdue };
    work.then_at(&report(true), work.now() + work.context.report_patience);
    // Nothing to wait for: staff took the car back without photos.
    if all_in(&photos) {
        work.then(&report(false));
    }
    work.then(&Announce { news: News::ReturnReceived, subject_id: returned.id, turn: returned.turn });
    Ok(())
}
