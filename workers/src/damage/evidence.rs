//! The evidence of a case as files: everything that speaks for and against it.

use std::io::Cursor;

use entity::{
    damage_case::{self, DisputePhoto},
    derivative, photo,
};
use image::{ImageDecoder, codecs::jpeg::JpegDecoder};
use jobs::damage::ExportEvidence;
use rules::{
    money::{Currency, Money},
    rental::{Occasion, Slot},
};
use sea_orm::{EntityTrait, TransactionTrait};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use view::damage::{DamageCaseItem, Evidence, EvidenceFile};

use super::{
    case::not_found,
    dossier::{Dossier, EXPORTED, hash},
    pdf::{Document, Shown},
};
use crate::{Context, Ending, JobError, Perform, Work, audit};

/// The copies are at most 1600 pixels wide; more than this is none of ours.
const LARGEST_COPY: u64 = 4 * 1024 * 1024;

/// What stands in the place of a photo whose copy was lost.
const COPY_GONE: &str = "the small copy is no longer in the bucket";

impl Perform for ExportEvidence {
    const OUTSIDE: bool = true;

    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        // One moment for all tables, whatever happens to the case meanwhile.
        let level = sea_orm::IsolationLevel::RepeatableRead;
        let snapshot = work.db().begin_with_config(Some(level), None).await?;
        let Some(case) = damage_case::Entity::find_by_id(self.case_id).one(&snapshot).await? else {
            drop(snapshot);
            return Ok(work.refuse(not_found()));
        };
        let dossier = Dossier::load(&snapshot, case).await?;
        snapshot.commit().await?;

        let json = serde_json::to_vec_pretty(&dossier.json()?)?;
        let pdf = pages(&work.context, &dossier, &json).await?;
        let files = Evidence {
            case_id: self.case_id,
            json: keep(&work.context, self.case_id, "json", "application/json", json).await?,
            pdf: keep(&work.context, self.case_id, "pdf", "application/pdf", pdf).await?,
        };

        let tx = work.begin().await?;
        audit(&tx, Some(self.exported_by), EXPORTED, "damage_case", self.case_id).await?;
        work.done(tx, files)
    }
}

/// Puts a file where its content names it: the same file again is the same object.
async fn keep(
    context: &Context,
    case: Uuid,
    format: &str,
    content_type: &str,
    bytes: Vec<u8>,
) -> anyhow::Result<EvidenceFile> {
    let (sha256, size) = (hex::encode(Sha256::digest(&bytes)), i64::try_from(bytes.len())?);
    context.bucket.put(&EvidenceFile::key(case, &sha256, format), content_type, bytes).await?;
    let address = format!("/api/v1/admin/damage-cases/{case}/evidence/{sha256}/{format}");
    Ok(EvidenceFile { sha256, size, address })
}

/// The file for people: facts, photos with boxes, hashes, what the model said, every step.
async fn pages(context: &Context, dossier: &Dossier, json: &[u8]) -> anyhow::Result<Vec<u8>> {
    let case = &dossier.case;
    let items = DamageCaseItem::of(case)?;
    let along = case.dispute_photos()?;
    let mut document = Document::new();
    document.heading(&format!("Damage case {}", case.id));
    for line in facts(dossier)? {
        document.line(&line);
    }
    document.line(&format!("SHA-256 of the JSON file of the same evidence: {}", hex::encode(Sha256::digest(json))));

    document.heading("What a person confirmed");
    let (currency, before) = (Currency::new(&case.currency)?, dossier.before());
    for (number, item) in (1..).zip(&items) {
        let estimate = item.estimate.map_or("nothing".to_owned(), |sum| Money::new(sum, currency).to_string());
        let uncharged = item.estimate.is_some() && !item.side.0.is_chargeable(&before);
        let remark = if uncharged { ", not asked for: no pick-up photo of this side" } else { "" };
        let (place, class, severity) = (item.place(), item.class.0.name(), item.severity.0);
        let note = item.note.as_deref().unwrap_or("");
        document.line(&format!("{number}. {place}: {class}, {severity}, {estimate}{remark} {note}"));
    }

    document.heading("Before and after");
    for slot in Slot::ALL {
        let pickup = shown(context, dossier, *slot, Occasion::Pickup, &items).await?;
        let back = shown(context, dossier, *slot, Occasion::Return, &items).await?;
        document.row(vec![pickup, back]);
    }

    let mut sent = Vec::new();
    for (number, photo) in (1..).zip(&along) {
        sent.push(sent_along(context, case.id, photo, number).await?);
    }
    if !sent.is_empty() {
        document.heading("Sent with the dispute");
    }
    while !sent.is_empty() {
        document.row(sent.drain(..sent.len().min(2)).collect());
    }

    document.heading("Originals (SHA-256)");
    for photo in &dossier.photos {
        let (occasion, slot) = (photo.occasion.0, photo.slot.0);
        let hash = hash(photo).unwrap_or_else(|| "never arrived".to_owned());
        document.line(&format!("{occasion} {slot} v{} {}: {hash}", photo.version, photo.state));
    }

    for (number, photo) in (1..).zip(&along) {
        document.line(&format!("dispute, photo {number}: {}", photo.sha256));
    }

    document.heading("What the model said");
    for photo in dossier.photos.iter().filter(|photo| photo.state == photo::ACCEPTED) {
        let said = photo.analysis.as_ref().map(Value::to_string);
        let said = said.or_else(|| photo.analysis_failure.clone()).unwrap_or_else(|| "nothing".to_owned());
        document.line(&format!("{} {}: {said}", photo.occasion.0, photo.slot.0));
    }

    document.heading("Every step");
    for line in &dossier.audit {
        let (at, who) = (line.at.format("%Y-%m-%d %H:%M:%S UTC"), dossier.name(line.actor));
        document.line(&format!("{at} {} by {who}: {}", line.action, line.detail));
    }
    Ok(document.finish())
}

fn facts(dossier: &Dossier) -> anyhow::Result<Vec<String>> {
    let (case, booking) = (&dossier.case, &dossier.booking);
    let currency = Currency::new(&case.currency)?;
    let money = |amount| Money::new(amount, currency);
    let at = |moment: Option<chrono::DateTime<chrono::Utc>>| {
        moment.map_or("never".to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string())
    };
    let report = dossier.rental_return.report.as_ref();
    let model = report.map_or(Value::Null, |report| report["model"].clone());
    let mut facts = vec![
        format!("Booking {}, car {}, renter {}", booking.number, booking.plate, dossier.name(Some(case.customer_id))),
        format!("State: {}; confirmed {}, asked for {}", case.state.0, money(case.estimate), money(case.amount)),
        format!("Returned: {}", at(dossier.rental_return.returned_at)),
        format!("Decided: {} by {}: {}", at(case.decided_at), dossier.name(case.decided_by), text(&case.note)),
        format!("Customer told: {}; may dispute until {}", at(case.notified_at), at(case.respond_by)),
        format!("Model, file hash and thresholds: {model}"),
    ];
    if case.dispute.is_some() {
        facts.push(format!("Disputed: {}: {}", at(case.disputed_at), text(&case.dispute)));
    }
    if case.settlement.is_some() {
        let by = dossier.name(case.settled_by);
        facts.push(format!("Settled: {} by {by}: {}", at(case.settled_at), text(&case.settlement)));
    }
    Ok(facts)
}

fn text(words: &Option<String>) -> &str {
    words.as_deref().unwrap_or("no words")
}

/// The photo that counts for a side, by its small copy, with the boxes of what was confirmed on it.
async fn shown(
    context: &Context,
    dossier: &Dossier,
    slot: Slot,
    occasion: Occasion,
    items: &[DamageCaseItem],
) -> anyhow::Result<Shown> {
    let of_side = dossier.photos.iter().filter(|photo| (photo.slot.0, photo.occasion.0) == (slot, occasion));
    let counting = of_side.filter(|photo| photo.state == photo::ACCEPTED).max_by_key(|photo| photo.version);
    let none = |why: &str| Shown { caption: format!("{slot}, {occasion}: {why}"), jpeg: None, boxes: vec![] };
    let Some(photo) = counting else { return Ok(none("no photo")) };
    let copy = derivative::Entity::find_by_id((photo.id, "640".to_owned())).one(&context.db).await?;
    let Some(copy) = copy else {
        return Ok(none(photo.derive_failure.as_deref().unwrap_or("the small copy is not made yet")));
    };
    let Some(bytes) = context.bucket.get(&copy.object_key, LARGEST_COPY).await?.transpose()? else {
        return Ok(none(COPY_GONE));
    };
    let boxes = (1..).zip(items).filter(|(_, item)| item.photo_id == Some(photo.id));
    Ok(Shown {
        caption: format!("{slot}, {occasion}"),
        jpeg: Some((bytes.to_vec(), u32::try_from(copy.width)?, u32::try_from(copy.height)?)),
        boxes: boxes.filter_map(|(number, item)| Some((number, item.region.clone()?))).collect(),
    })
}

/// A photo of the dispute by its copy, as the page shows it.
async fn sent_along(context: &Context, case: Uuid, photo: &DisputePhoto, number: usize) -> anyhow::Result<Shown> {
    let caption = format!("dispute, photo {number}");
    let Some(copy) = context.bucket.get(&DisputePhoto::copy_key(case, photo.id), LARGEST_COPY).await?.transpose()?
    else {
        return Ok(Shown { caption: format!("{caption}: {COPY_GONE}"), jpeg: None, boxes: vec![] });
    };
    let (width, height) = JpegDecoder::new(Cursor::new(&copy))?.dimensions();
    Ok(Shown { caption, jpeg: Some((copy.to_vec(), width, height)), boxes: vec![] })
}
