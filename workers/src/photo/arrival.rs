//! Originals on their way in: found in the bucket and looked at, before any row is locked.

use std::sync::Arc;

use bytes::Bytes;
use entity::{photo, upload};
use futures::future::try_join_all;
use jobs::{fault, rental::UploadedPhoto};
use platform::bucket::TooLarge;
use rules::{
    photo::{Limits, PhotoRefused},
    rental::{Occasion, Slot},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::room::in_room;
use crate::{
    Context, JobError, Work,
    vision::{
        decode,
        derivative::derive,
        gate::{self, Inspected, Refusal},
        landmark::{Landmarks, landmarks},
        overlay::show_the_same,
    },
};

/// The latest photo of a slot, as it lies in the bucket.
pub(crate) struct Arrival {
    pub(crate) photo_id: Uuid,
    pub(crate) slot: Slot,
    /// The row that waited for it; none when the front took the bytes itself.
    pub(crate) row: Option<photo::Model>,
    pub(crate) key: String,
    pub(crate) content_type: Option<String>,
    pub(crate) declared: Option<Declared>,
    /// What was found; a photo that was refused before stays so.
    pub(crate) verdict: Result<Original, Refusal>,
}

/// What a client or the front says of a file.
pub(crate) struct Declared {
    pub(crate) size: i64,
    pub(crate) sha256: Vec<u8>,
}

impl Declared {
    /// `sha256` is hexadecimal.
    pub(crate) fn new(size: i64, sha256: &str) -> Self {
        Self { size, sha256: hex::decode(sha256).unwrap_or_default() }
    }
}

/// A file that passed the gate.
pub(crate) struct Original {
    pub(crate) size: usize,
    pub(crate) sha256: Vec<u8>,
    pub(crate) inspected: Inspected,
    /// By which it is told whether another photo shows the same; only where somebody asks.
    landmarks: Option<Arc<Landmarks>>,
}

/// The photos of a rental that have arrived since they were last looked at: what the front
/// took, and for the other slots the latest version that is in the bucket. `compared`: for [`same_sides`].
///
/// # Errors
/// When the database or the bucket does not answer.
pub(crate) async fn arrivals(
    work: &Work,
    booking: Uuid,
    occasion: Occasion,
    uploaded: &[UploadedPhoto],
    compared: bool,
) -> Result<Vec<Arrival>, JobError> {
    let rows = versions(work, booking, occasion).await?;
    let slots = Slot::ALL.iter().map(|slot| async {
        let rows = rows.iter().filter(|row| row.slot.0 == *slot);
        match uploaded.iter().rfind(|photo| photo.slot == *slot) {
            Some(photo) => Ok(Some(take(work, photo, compared).await?)),
            None => latest(work, rows, compared).await,
        }
    });
    Ok(try_join_all(slots).await?.into_iter().flatten().collect())
}

/// Newest first.
async fn versions(work: &Work, booking: Uuid, occasion: Occasion) -> Result<Vec<photo::Model>, JobError> {
    let rows = photo::Entity::find()
        .filter(photo::Column::BookingId.eq(booking))
        .filter(photo::Column::Occasion.eq(occasion.as_str()))
        .order_by_desc(photo::Column::Version);
    Ok(rows.all(work.db()).await?)
}

/// What the front put into the bucket, and whether it can be taken. `compared`: for [`same_sides`].
///
/// # Errors
/// When the bucket does not answer.
pub(crate) async fn received(
    context: &Context,
    key: &str,
    content_type: &str,
    declared: &Declared,
    compared: bool,
) -> Result<Result<(Bytes, Original), Refusal>, JobError> {
    match fetch(context, key).await? {
        Some(bytes) => judge(bytes, Some(content_type.to_owned()), Some(declared), compared).await,
        None => Ok(Err(PhotoRefused::Missing.into())),
    }
}

async fn take(work: &Work, photo: &UploadedPhoto, compared: bool) -> Result<Arrival, JobError> {
    let declared = Declared::new(photo.size, &photo.sha256);
    let judged = received(&work.context, &photo.object_key, &photo.content_type, &declared, compared).await?;
    let (key, verdict) = match judged {
        Err(refusal) => (photo.object_key.clone(), Err(refusal)),
        Ok((_, original)) => (keep_upload(&work.context, &photo.object_key).await?, Ok(original)),
    };
    Ok(Arrival {
        photo_id: photo.photo_id,
        slot: photo.slot,
        row: None,
        key,
        content_type: Some(photo.content_type.clone()),
        declared: Some(declared),
        verdict,
    })
}

/// Copies what passed to where it is kept, and tells where that is. The upload stays: an attempt that fails after this
/// begins anew. `ForgetUploads` removes it, and the copy too should nothing ever name that.
///
/// # Errors
/// When the bucket does not answer.
pub(crate) async fn keep_upload(context: &Context, upload: &str) -> Result<String, JobError> {
    let key = upload::kept(upload).ok_or_else(|| JobError::GiveUp(format!("{upload} is not where uploads wait")))?;
    context.bucket.copy(upload, key).await?;
    fault::crash_point("after_original_before_record");
    Ok(key.to_owned())
}

/// The newest version that arrived. One that was accepted needs no second look.
async fn latest(
    work: &Work,
    rows: impl Iterator<Item = &photo::Model>,
    compared: bool,
) -> Result<Option<Arrival>, JobError> {
    for row in rows {
        match row.state.as_str() {
            photo::ACCEPTED => return Ok(None),
            photo::REFUSED => return Ok(Some(refused_before(row))),
            _ => {}
        }
        if let Some(bytes) = fetch(&work.context, &row.object_key).await? {
            return Ok(Some(keep(work, row, bytes, compared).await?));
        }
    }
    Ok(None)
}

fn refused_before(row: &photo::Model) -> Arrival {
    let reason = row.refusal.as_deref().and_then(|code| code.parse().ok()).unwrap_or(PhotoRefused::Damaged);
    let words = row.refusal_detail.clone().unwrap_or_else(|| reason.sentence().to_owned());
    arrival(row, row.object_key.clone(), Err(Refusal { reason, words }))
}

/// Judges an upload, and puts what passes where no address for uploads leads: such an address outlives the moment in which
/// the photo is accepted, so what is kept are the very bytes that were judged.
async fn keep(
    work: &Work,
    row: &photo::Model,
    bytes: Result<Bytes, PhotoRefused>,
    compared: bool,
) -> Result<Arrival, JobError> {
    let judged = judge(bytes, row.content_type.clone(), None, compared).await?;
    let (key, verdict) = match judged {
        Err(refusal) => (row.object_key.clone(), Err(refusal)),
        Ok((bytes, original)) => {
            let key = photo::key(row.booking_id, row.id, row.created_at);
            work.context.bucket.put(&key, original.inspected.format.as_str(), bytes).await?;
            fault::crash_point("after_original_before_record");
            (key, Ok(original))
        }
    };
    Ok(arrival(row, key, verdict))
}

fn arrival(row: &photo::Model, key: String, verdict: Result<Original, Refusal>) -> Arrival {
    Arrival {
        photo_id: row.id,
        slot: row.slot.0,
        key,
        content_type: row.content_type.clone(),
        declared: None,
        row: Some(row.clone()),
        verdict,
    }
}

/// `None` when nothing lies there.
async fn fetch(context: &Context, key: &str) -> Result<Option<Result<Bytes, PhotoRefused>>, JobError> {
    let limits = Limits::default();
    let Some(read) = context.bucket.get(key, limits.max_bytes).await? else { return Ok(None) };
    Ok(Some(match read {
        Ok(bytes) => limits.size(bytes.len() as u64).map(|()| bytes),
        Err(TooLarge { .. }) => Err(PhotoRefused::TooLarge),
    }))
}

/// The sides of which two photos show the very same view: one side was photographed twice, and another not at all. Only
/// those that arrived together, as `compared`, are held against each other; the report compares all of them.
///
/// # Errors
/// When the process stops.
pub(crate) async fn same_sides(arrivals: &[Arrival]) -> Result<Vec<[Slot; 2]>, JobError> {
    let passed = |arrival: &Arrival| Some((arrival.slot, arrival.verdict.as_ref().ok()?.landmarks.clone()?));
    let photos: Vec<_> = arrivals.iter().filter_map(passed).collect();
    in_room(0, move || {
        let pairs =
            photos.iter().enumerate().flat_map(|(at, one)| photos[at + 1..].iter().map(move |other| (one, other)));
        let alike = pairs.filter(|((_, one), (_, other))| show_the_same(one, other));
        alike.map(|((one, _), (other, _))| [*one, *other]).collect()
    })
    .await
}

/// The large copy of a photo that passed: upright and without EXIF.
///
/// # Errors
/// When the photo cannot be decoded after all.
pub(crate) async fn large_copy(bytes: Bytes) -> Result<Vec<u8>, JobError> {
    let room = decode::takes(&bytes);
    let copies = in_room(room, move || derive(&bytes)).await?;
    let copies = copies.map_err(|refusal| JobError::GiveUp(refusal.words))?;
    let large = copies.into_iter().next().ok_or_else(|| JobError::GiveUp("a photo has no copies".to_owned()))?;
    Ok(large.jpeg)
}

async fn judge(
    bytes: Result<Bytes, PhotoRefused>,
    content_type: Option<String>,
    declared: Option<&Declared>,
    compared: bool,
) -> Result<Result<(Bytes, Original), Refusal>, JobError> {
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(refused) => return Ok(Err(refused.into())),
    };
    let sha256 = Sha256::digest(&bytes).to_vec();
    if let Some(declared) = declared {
        if i64::try_from(bytes.len()) != Ok(declared.size) {
            return Ok(Err(PhotoRefused::Length.into()));
        }
        if declared.sha256 != sha256 {
            return Ok(Err(PhotoRefused::Checksum.into()));
        }
    }
    let room = decode::takes(&bytes);
    let look = move || {
        let learn = |picture: &_| compared.then(|| Arc::new(landmarks(picture)));
        let (inspected, landmarks) = gate::inspect_and(&bytes, content_type.as_deref(), learn)?;
        let original = Original { size: bytes.len(), sha256, inspected, landmarks };
        Ok((bytes, original))
    };
    in_room(room, look).await
}
