//! Writing down what became of the photos that arrived.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{booking, photo};
use jobs::{Refusal, rental::Asker};
use rules::{
    photo::{Limits, PhotoRefused, Warning},
    problem,
    rental::{Occasion, Slot},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
};
use serde_json::{Value, json};

use super::arrival::{Arrival, Original};
use crate::{JobError, vision::fingerprint::COPY};

/// What the photos belong to, and who sent them.
pub(crate) struct Scene<'a> {
    pub(crate) booking: &'a booking::Model,
    pub(crate) return_id: Option<uuid::Uuid>,
    pub(crate) occasion: Occasion,
    /// How often better photos were asked for before these.
    pub(crate) turn: i32,
    pub(crate) asker: &'a Asker,
    /// The platform's own clock; what a photo says of its time is a claim.
    pub(crate) received_at: DateTime<Utc>,
}

/// A photo that was not taken.
pub(crate) struct Refused {
    pub(crate) slot: Slot,
    pub(crate) reason: PhotoRefused,
    pub(crate) words: String,
}

/// Writes every arrival as accepted or refused, and tells what was refused.
///
/// The booking is locked, so nobody else numbers versions or takes photos for it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn record(
    tx: &DatabaseTransaction,
    scene: &Scene<'_>,
    arrivals: Vec<Arrival>,
) -> Result<Vec<Refused>, JobError> {
    let standing = photo::Entity::counting(tx, scene.booking.id).await?.into_iter();
    let standing: Vec<_> = standing.filter(|photo| photo.occasion.0 == scene.occasion).collect();
    // The same file for the same side, as in a repeated request, is the photo that stands already.
    let is_new = |arrival: &Arrival| match &arrival.verdict {
        Ok(original) => !standing
            .iter()
            .any(|photo| photo.slot.0 == arrival.slot && photo.sha256.as_deref() == Some(original.sha256.as_slice())),
        Err(_) => true,
    };
    let arrivals: Vec<_> = arrivals.into_iter().filter(is_new).collect();
    // A version that is being replaced may come back in another slot: sides get mixed up.
    let stays = |photo: &photo::Model| !arrivals.iter().any(|arrival| arrival.slot == photo.slot.0);
    let mut hashes: Vec<Vec<u8>> = standing.iter().filter(|it| stays(it)).filter_map(|it| it.sha256.clone()).collect();

    claim(tx, &arrivals).await?;
    let mut refused = Vec::new();
    for mut arrival in arrivals {
        if let Ok(original) = &arrival.verdict {
            if hashes.contains(&original.sha256) || used_elsewhere(tx, scene, &original.sha256).await? {
                arrival.verdict = Err(PhotoRefused::Reused.into());
            } else {
                hashes.push(original.sha256.clone());
            }
        }
        if let Err(refusal) = &arrival.verdict {
            let words = refusal.words.clone();
            refused.push(Refused { slot: arrival.slot, reason: refusal.reason, words });
        }
        write(tx, scene, arrival).await?;
    }
    Ok(refused)
}

/// Waits until nobody else decides about any of these very files: of two rentals that send one picture at the
/// same moment, the second then sees what the first did. In one order, so that two cannot wait for each other.
async fn claim(tx: &DatabaseTransaction, arrivals: &[Arrival]) -> Result<(), DbErr> {
    let originals = arrivals.iter().filter_map(|arrival| arrival.verdict.as_ref().ok());
    let files: BTreeSet<i64> = originals.filter_map(|original| lock_id(&original.sha256)).collect();
    for file in files {
        let lock =
            Statement::from_sql_and_values(DbBackend::Postgres, "select pg_advisory_xact_lock($1)", [file.into()]);
        tx.query_one_raw(lock).await?;
    }
    Ok(())
}

fn lock_id(sha256: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(*sha256.first_chunk()?))
}

/// Whether the very same file is the evidence of another rental or of the other end of this one, or
/// stood for another side when that was inspected.
async fn used_elsewhere(tx: &DatabaseTransaction, scene: &Scene<'_>, sha256: &[u8]) -> Result<bool, DbErr> {
    let elsewhere = Condition::any()
        .add(photo::Column::BookingId.ne(scene.booking.id))
        .add(photo::Column::Occasion.ne(scene.occasion.as_str()));
    let same = photo::Entity::find()
        .filter(photo::Column::Sha256.eq(sha256.to_vec()))
        .filter(photo::Column::State.eq(photo::ACCEPTED))
        .filter(elsewhere);
    Ok(same.count(tx).await? > 0)
}

/// How many photos of the house are looked through for the original of a copy, the newest first.
const RECENT: i64 = 5_000;

/// Whether it looks like a copy of the evidence of another rental or of the other end of this one, compressed anew. Only of
/// the same car or the same customer: nobody else's photo is at hand or would pass for this car, and of all 5,000 one in five
/// photos would look like some other by chance (see [`COPY`]). Other slots of the same inspection are compared more closely
/// elsewhere.
async fn looks_copied(tx: &DatabaseTransaction, scene: &Scene<'_>, fingerprint: i64) -> Result<bool, DbErr> {
    // Ids are in the order of time, so this reads the primary key's end and no more.
    const COPIES: &str = "select id from (
            select id, fingerprint, booking_id, occasion, car_id from photo
            where fingerprint is not null order by id desc limit $1
        ) recent
        where bit_count((fingerprint # $2)::bit(64)) <= $3 and (booking_id <> $4 or occasion <> $5)
          and (car_id = $6 or booking_id in (select id from booking where customer_id = $7)) limit 1";
    let booking = scene.booking;
    let values = [
        RECENT.into(),
        fingerprint.into(),
        COPY.into(),
        booking.id.into(),
        scene.occasion.as_str().into(),
        booking.car_id.into(),
        booking.customer_id.into(),
    ];
    let copies = Statement::from_sql_and_values(DbBackend::Postgres, COPIES, values);
    Ok(tx.query_one_raw(copies).await?.is_some())
}

async fn write(tx: &DatabaseTransaction, scene: &Scene<'_>, arrival: Arrival) -> Result<(), JobError> {
    // What never arrived leaves no trace: its slot is still open.
    if matches!(&arrival.verdict, Err(refusal) if refusal.reason == PhotoRefused::Missing) {
        return Ok(());
    }
    let (mut row, is_new) = match &arrival.row {
        Some(row) => (row.clone().into_active_model(), false),
        None => (fresh(tx, scene, &arrival).await?, true),
    };
    row.received_at = Set(Some(scene.received_at));
    row.turn = Set(scene.turn);
    row.object_key = Set(arrival.key.clone());
    match arrival.verdict {
        Ok(original) => {
            // The bits as they are: only how many differ is ever asked.
            let fingerprint = original.inspected.fingerprint.map(u64::cast_signed);
            let copied = match fingerprint {
                Some(fingerprint) => looks_copied(tx, scene, fingerprint).await?,
                None => false,
            };
            accept(&mut row, scene, &original, copied)?;
            row.fingerprint = Set(fingerprint);
        }
        Err(refusal) => {
            row.state = Set(photo::REFUSED.to_owned());
            row.refusal = Set(Some(refusal.code().to_owned()));
            row.refusal_detail = Set(Some(refusal.words));
        }
    }
    if is_new {
        // The same request, carried out a second time, finds its photo here already.
        photo::Entity::insert(row).on_conflict_do_nothing().exec_without_returning(tx).await?;
    } else {
        row.update(tx).await?;
    }
    Ok(())
}

async fn fresh(tx: &DatabaseTransaction, scene: &Scene<'_>, arrival: &Arrival) -> Result<photo::ActiveModel, DbErr> {
    let version = next_version(tx, scene.booking.id, scene.occasion, arrival.slot).await?;
    let row = awaiting(scene, arrival.photo_id, arrival.slot, version, arrival.key.clone());
    Ok(photo::ActiveModel {
        content_type: Set(arrival.content_type.clone()),
        size: Set(arrival.declared.as_ref().map(|declared| declared.size)),
        declared_sha256: Set(arrival.declared.as_ref().map(|declared| declared.sha256.clone())),
        ..row
    })
}

/// One more than the slot's last version.
///
/// # Errors
/// When the database fails.
pub(crate) async fn next_version(
    tx: &DatabaseTransaction,
    booking: uuid::Uuid,
    occasion: Occasion,
    slot: Slot,
) -> Result<i32, DbErr> {
    let last: Option<i32> = photo::Entity::find()
        .select_only()
        .column(photo::Column::Version)
        .filter(photo::Column::BookingId.eq(booking))
        .filter(photo::Column::Occasion.eq(occasion.as_str()))
        .filter(photo::Column::Slot.eq(slot.as_str()))
        .order_by_desc(photo::Column::Version)
        .into_tuple()
        .one(tx)
        .await?;
    Ok(last.unwrap_or_default() + 1)
}

/// The row of a version that nobody has looked at.
pub(crate) fn awaiting(
    scene: &Scene<'_>,
    id: uuid::Uuid,
    slot: Slot,
    version: i32,
    object_key: String,
) -> photo::ActiveModel {
    photo::ActiveModel {
        id: Set(id),
        booking_id: Set(scene.booking.id),
        return_id: Set(scene.return_id),
        car_id: Set(scene.booking.car_id),
        occasion: Set(scene.occasion.into()),
        slot: Set(slot.into()),
        version: Set(version),
        turn: Set(scene.turn),
        state: Set(photo::AWAITING.to_owned()),
        object_key: Set(object_key),
        warnings: Set(Vec::new()),
        uploaded_by: Set(scene.asker.account_id),
        ip: Set(scene.asker.ip.clone()),
        user_agent: Set(scene.asker.user_agent.clone()),
        created_at: Set(scene.received_at),
        ..Default::default()
    }
}

fn accept(row: &mut photo::ActiveModel, scene: &Scene<'_>, original: &Original, copied: bool) -> Result<(), JobError> {
    let inspected = &original.inspected;
    let taken_at = inspected.claims.taken(scene.booking.time_zone.parse::<Tz>()?);
    let mut warnings = Limits::default().warnings(inspected.quality, taken_at, scene.received_at);
    warnings.extend(copied.then_some(Warning::Copied));
    row.state = Set(photo::ACCEPTED.to_owned());
    row.content_type = Set(Some(inspected.format.as_str().to_owned()));
    row.size = Set(Some(i64::try_from(original.size)?));
    row.sha256 = Set(Some(original.sha256.clone()));
    row.width = Set(Some(i32::try_from(inspected.width)?));
    row.height = Set(Some(i32::try_from(inspected.height)?));
    row.exif = Set(Some(serde_json::to_value(&inspected.claims)?));
    row.taken_at = Set(taken_at);
    row.warnings = Set(warnings.into_iter().map(|warning| warning.to_string()).collect());
    Ok(())
}

/// What to answer when sides are missing (R1): each is named, and what is wrong with the others too.
pub(crate) fn photos_missing(missing: &[Slot], refused: &[Refused]) -> Refusal {
    let names = names(missing);
    let refusal = Refusal::new(problem::PHOTOS_MISSING.code, format!("A photo is still missing of: {names}."));
    let missing: Vec<Value> = missing.iter().map(|slot| json!(slot)).collect();
    reasons(refusal.with("missing", missing), refused)
}

/// What to answer when photos arrived and cannot be taken.
pub(crate) fn photos_refused(refused: &[Refused]) -> Refusal {
    let slots: Vec<Slot> = refused.iter().map(|refused| refused.slot).collect();
    let detail = format!("Some photos cannot be accepted: {}. Please send them again.", names(&slots));
    reasons(Refusal::new(problem::PHOTOS_REFUSED.code, detail), refused)
}

fn reasons(mut refusal: Refusal, refused: &[Refused]) -> Refusal {
    let mut photos = Vec::new();
    for photo in refused.iter().filter(|photo| photo.reason != PhotoRefused::Missing) {
        refusal = refusal.because(format!("/{}", photo.slot), &photo.words);
        photos.push(json!({ "slot": photo.slot, "code": photo.reason, "message": photo.words }));
    }
    if photos.is_empty() { refusal } else { refusal.with("photos", photos) }
}

fn names(slots: &[Slot]) -> String {
    slots.iter().map(|slot| slot.as_str()).collect::<Vec<_>>().join(", ")
}
