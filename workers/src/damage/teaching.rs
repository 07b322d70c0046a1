//! What people decided, as a folder that `models/train` learns from.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use anyhow::Context as _;
use bytes::Bytes;
use entity::{damage, photo, rental_return};
use image::{RgbImage, codecs::jpeg::JpegEncoder};
use platform::Bucket;
use rules::{
    damage::{Class, Novelty},
    photo::Limits,
    rental::{Occasion, ReturnState},
};
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use view::{
    damage::DamageCaseItem,
    rental::{Decision, Report},
};

use crate::vision::{decode, refusal::Refusal};

/// Returns that are in memory at a time.
const PAGE: u64 = 100;
/// High enough that a scratch stays a scratch.
const QUALITY: u8 = 95;

/// What was written.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Taught {
    pub photos: usize,
    pub marks: usize,
    /// Photos on which something is that no person has judged or placed, which would teach what nobody said, and those
    /// whose original is no longer what was accepted.
    pub left_out: usize,
}

/// Writes the photos of all decided returns as `images/` and `annotations.json` (COCO). What was confirmed is
/// annotated; a photo on which nothing was confirmed says that there is nothing.
///
/// # Errors
/// When database, bucket or disk fail.
pub async fn write(db: &DatabaseConnection, bucket: &Bucket, out: &Path) -> anyhow::Result<Taught> {
    let images = out.join("images");
    tokio::fs::create_dir_all(&images).await.with_context(|| format!("make {}", images.display()))?;
    let (mut taught, mut coco, mut after) = (Taught::default(), Coco::default(), None);
    loop {
        let page = decided(db, after).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for rental_return in page {
            let verdict = Judged::of(db, &rental_return).await?;
            for photo in photo::Entity::counting(db, rental_return.booking_id).await? {
                if photo.occasion.0 != Occasion::Return {
                    continue;
                }
                let Some(marks) = verdict.marks(&photo) else {
                    taught.left_out += 1;
                    continue;
                };
                let bytes = bucket.get(&photo.object_key, Limits::default().max_bytes).await?;
                let as_accepted = |bytes: &Bytes| photo.sha256.as_deref() == Some(Sha256::digest(bytes).as_slice());
                let Some(bytes) = bytes.and_then(Result::ok).filter(as_accepted) else {
                    tracing::warn!(photo = %photo.id, "left out: the original is gone, or not what was accepted");
                    taught.left_out += 1;
                    continue;
                };
                let name = name(photo.car_id, photo.id);
                let file = images.join(&name);
                let size = match tokio::task::spawn_blocking(move || picture(&bytes, File::create(file)?)).await? {
                    Err(error) if error.is::<Refusal>() => {
                        tracing::warn!(%error, photo = %photo.id, "left out");
                        taught.left_out += 1;
                        continue;
                    }
                    written => written?,
                };
                taught.photos += 1;
                taught.marks += marks.len();
                coco.add(&name, size, &marks);
            }
        }
    }
    let file = out.join("annotations.json");
    tokio::fs::write(&file, serde_json::to_vec_pretty(&coco.json())?).await?;
    Ok(taught)
}

/// The next page of returns that a person has decided.
async fn decided(db: &DatabaseConnection, after: Option<Uuid>) -> Result<Vec<rental_return::Model>, DbErr> {
    let decided = rental_return::Entity::find().filter(rental_return::Column::State.eq(ReturnState::Decided.as_str()));
    let next = decided.filter(Condition::all().add_option(after.map(|last| rental_return::Column::Id.gt(last))));
    next.order_by_asc(rental_return::Column::Id).limit(PAGE).all(db).await
}

/// What a person said about one return, and what the model had asked.
struct Judged {
    items: Vec<DamageCaseItem>,
    report: Report,
    /// What was on the car before, by its register.
    register: Vec<damage::Model>,
}

impl Judged {
    async fn of(db: &DatabaseConnection, rental_return: &rental_return::Model) -> anyhow::Result<Self> {
        let returned_at = rental_return.returned_at.unwrap_or(rental_return.created_at);
        let repaired = damage::Column::RepairedAt;
        let register = damage::Entity::find()
            .filter(damage::Column::CarId.eq(rental_return.car_id))
            .filter(damage::Column::CreatedAt.lt(returned_at))
            .filter(repaired.is_null().or(repaired.gt(returned_at)));
        let items = Decision::of(rental_return)?.map(|decision| decision.findings);
        let report = Report::of(rental_return)?;
        let (items, report) = (items.unwrap_or_default(), report.unwrap_or_default());
        Ok(Self { items, report, register: register.all(db).await? })
    }

    /// What is on a photo; `None` when that is not wholly known: an older mark that was not decided anew, a doubtful one, or
    /// one without a place.
    fn marks(&self, photo: &photo::Model) -> Option<Vec<&DamageCaseItem>> {
        let of_side = |item: &&DamageCaseItem| item.side.0.as_str() == photo.slot.0.as_str();
        let placed = |item: &&DamageCaseItem| item.region.is_some() && item.photo_id == Some(photo.id);
        let here: Vec<_> = self.items.iter().filter(of_side).collect();
        let confirmed = |number| here.iter().any(|item| item.number == Some(number));
        let unjudged = self.report.findings.iter().any(|finding| {
            finding.photo_id == photo.id && finding.novelty != Novelty::New.as_str() && !confirmed(finding.number)
        });
        let unplaced = self.register.iter().any(|known| {
            let same = |item: &&DamageCaseItem| {
                (item.class.0, item.panel.map(|panel| panel.0)) == (known.class.0, known.panel.map(|panel| panel.0))
            };
            known.side.0.as_str() == photo.slot.0.as_str() && !here.iter().any(same)
        });
        (!unjudged && !unplaced && here.iter().all(placed)).then_some(here)
    }
}

/// Upright and without EXIF: training reads pixels as they lie, and needs nobody's position.
fn picture(bytes: &[u8], file: File) -> anyhow::Result<(u32, u32)> {
    let picture: RgbImage = decode::upright(bytes)?;
    let mut file = BufWriter::new(file);
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut file, QUALITY))?;
    // Dropped, it would not say that the disk is full.
    file.flush()?;
    Ok(picture.dimensions())
}

/// Begins with a number of the car, by which training keeps each car on one side of its split.
fn name(car: Uuid, photo: Uuid) -> String {
    format!("{:012}-{photo}.jpg", car.as_u128() % 1_000_000_000_000)
}

#[derive(Default)]
struct Coco {
    images: Vec<Value>,
    annotations: Vec<Value>,
    classes: BTreeMap<&'static str, usize>,
}

impl Coco {
    fn add(&mut self, name: &str, (width, height): (u32, u32), marks: &[&DamageCaseItem]) {
        let image = self.images.len() + 1;
        self.images.push(json!({ "id": image, "file_name": name, "width": width, "height": height }));
        for mark in marks {
            let Some(region) = &mark.region else { continue };
            let (wide, high) = (f64::from(width), f64::from(height));
            let place = [region.x * wide, region.y * high, region.width * wide, region.height * high];
            let class: Class = mark.class.0;
            let count = self.classes.len();
            let category = *self.classes.entry(class.as_str()).or_insert(count);
            let (id, area) = (self.annotations.len() + 1, place[2] * place[3]);
            self.annotations.push(json!({
                "id": id, "image_id": image, "category_id": category, "bbox": place, "area": area, "iscrowd": 0,
            }));
        }
    }

    fn json(&self) -> Value {
        let categories = self.classes.iter().map(|(name, id)| json!({ "id": id, "name": name }));
        json!({ "images": self.images, "annotations": self.annotations, "categories": categories.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_photo_that_a_full_disk_does_not_take_is_not_taught() {
        let mut jpeg = Vec::new();
        let small = RgbImage::new(64, 64);
        small.write_with_encoder(JpegEncoder::new(&mut jpeg)).unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        assert!(picture(&jpeg, full).is_err());
    }
}
