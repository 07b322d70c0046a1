//! The report of a return: what the model saw on every side, compared with the pick-up.

use std::time::Duration;

use entity::{branch, car, damage, photo, rental_return};
use jobs::{
    notify::{Announce, News},
    rental::ReportReturn,
    waitlist::PromoteWaitlist,
};
use rules::{
    damage::{Class, Detection, Known, Novelty, Region, Severity, compare},
    photo::{PhotoRefused, Warning},
    rental::{Event, Occasion, Slot},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;
use view::rental::{Finding, Report};

use crate::{Finished, JobError, Perform, Work, vision::detector};

/// How long after a return the report usually waits for thumbnails and model; then it tells what there is (R5).
pub(crate) const REPORT_PATIENCE: Duration = Duration::from_secs(120);

/// What the report is made of.
struct Evidence {
    pickup: Vec<photo::Model>,
    returned: Vec<photo::Model>,
    register: Vec<Known>,
    /// The sides for which a file was sent that had been used before.
    reused: Vec<Slot>,
}

impl Evidence {
    async fn gather(tx: &impl ConnectionTrait, rental_return: &rental_return::Model) -> Result<Self, DbErr> {
        let photos = photo::Entity::counting(tx, rental_return.booking_id).await?;
        let (pickup, returned) = photos.into_iter().partition(|photo| photo.occasion.0 == Occasion::Pickup);
        let register = damage::Entity::find()
            .filter(damage::Column::CarId.eq(rental_return.car_id))
            .filter(damage::Column::RepairedAt.is_null())
            .all(tx)
            .await?;
        let reused = photo::Entity::find()
            .filter(photo::Column::ReturnId.eq(rental_return.id))
            .filter(photo::Column::Refusal.eq(PhotoRefused::Reused.as_str()))
            .order_by_asc(photo::Column::Id)
            .all(tx)
            .await?;
        let reused = reused.iter().map(|photo| photo.slot.0).collect();
        Ok(Self { pickup, returned, register: register.iter().filter_map(known).collect(), reused })
    }

    fn pickup_of(&self, slot: Slot) -> Option<&photo::Model> {
        self.pickup.iter().find(|photo| photo.slot.0 == slot)
    }
}

/// An item of the register as the comparison wants it. One whose side is no known word tells it nothing.
fn known(item: &damage::Model) -> Option<Known> {
    Some(Known {
        side: item.side.parse().ok()?,
        class: item.class.0,
        panel: item.panel.as_ref().and_then(|panel| panel.parse().ok()),
        region: item.region.clone().and_then(|region| serde_json::from_value(region).ok()),
    })
}

fn analysis(photo: &photo::Model) -> Option<detector::Detections> {
    serde_json::from_value(photo.analysis.clone()?).ok()
}

fn detection(slot: Slot, seen: &detector::Detection) -> Detection {
    let class = seen.class.parse().unwrap_or(Class::Other);
    Detection { side: slot.into(), class, score: seen.score, region: seen.region, panel: None }
}

/// The findings on one side, not yet numbered.
fn findings(evidence: &Evidence, photo: &photo::Model) -> Vec<Finding> {
    let slot = photo.slot.0;
    let found: Vec<_> = analysis(photo).iter().flat_map(|seen| &seen.boxes).map(|seen| detection(slot, seen)).collect();
    // A doubtful box on the pick-up photo still speaks for the customer.
    let before = evidence.pickup_of(slot).and_then(analysis);
    let before: Option<Vec<_>> = before.map(|seen| seen.raw.iter().map(|seen| detection(slot, seen)).collect());
    let compared = compare(&found, before.as_deref(), &evidence.register);
    compared.into_iter().map(|finding| shown(photo, finding)).collect()
}

fn shown(photo: &photo::Model, finding: rules::damage::Finding) -> Finding {
    let Detection { class, score, region, .. } = finding.detection;
    let Region { x, y, width, height, .. } = region;
    Finding {
        number: 0,
        photo_id: photo.id,
        side: photo.slot.into(),
        class: class.to_string(),
        score,
        region: view::rental::Region { x, y, width, height },
        novelty: finding.novelty.to_string(),
        reason: finding.reason,
        suggested_severity: Severity::suggested(class, region.area()).to_string(),
    }
}

/// Possibly new marks first, known ones last; the numbers are those of the boxes on the photos.
fn numbered(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| finding.novelty == Novelty::Known.as_str());
    for (number, finding) in (1..).zip(&mut findings) {
        finding.number = number;
    }
    findings
}

/// Why the return was not analysed, in words; `None` when every photo was. A part that was
/// not looked at must not pass for a clean one.
fn not_analysed(evidence: &Evidence, rental_return: &rental_return::Model) -> Option<String> {
    if let Some(reason) = &rental_return.without_photos_reason {
        return Some(format!("there are no photos: {reason}"));
    }
    let reasons: Vec<_> = evidence
        .returned
        .iter()
        .filter(|photo| analysis(photo).is_none())
        .map(|photo| (photo.slot.0, why_not(photo)))
        .collect();
    let (_, first) = reasons.first()?;
    let all_alike = reasons.len() == evidence.returned.len() && reasons.iter().all(|(_, reason)| reason == first);
    if all_alike {
        return Some(first.clone());
    }
    Some(reasons.iter().map(|(slot, reason)| format!("{slot}: {reason}")).collect::<Vec<_>>().join("; "))
}

fn why_not(photo: &photo::Model) -> String {
    let silent = || "the model did not answer in time".to_owned();
    photo.analysis_failure.clone().unwrap_or_else(silent)
}

/// What changes trust in the photos or in the comparison.
fn warnings(evidence: &Evidence, rental_return: &rental_return::Model) -> Vec<String> {
    let mut warnings = Vec::new();
    if rental_return.without_photos_reason.is_some() {
        warnings.push("The return was completed without photos.".to_owned());
    }
    if evidence.pickup.is_empty() {
        warnings.push("There are no pick-up photos, so nothing can be charged.".to_owned());
    }
    for slot in &evidence.reused {
        warnings.push(format!("A photo of the {slot} side had been sent before and was refused."));
    }
    for photo in &evidence.returned {
        let slot = photo.slot.0;
        warnings.extend(photo.warnings.iter().filter_map(|word| warning(slot, word)));
        if photo.derived_at.is_none() {
            warnings.push(format!("The small copies of the {slot} photo are not made yet."));
        }
        warnings.extend(comparison_warning(evidence, slot));
    }
    warnings
}

fn comparison_warning(evidence: &Evidence, slot: Slot) -> Option<String> {
    match evidence.pickup_of(slot) {
        _ if evidence.pickup.is_empty() => None,
        None => Some(format!("There is no pick-up photo of the {slot} side, so nothing on it can be charged.")),
        Some(before) if analysis(before).is_none() => {
            Some(format!("The pick-up photo of the {slot} side was not analysed: compare by eye."))
        }
        Some(_) => None,
    }
}

fn warning(slot: Slot, word: &str) -> Option<String> {
    Some(match word.parse().ok()? {
        Warning::Blurred => format!("The {slot} photo is blurred."),
        Warning::Dark => format!("The {slot} photo is dark."),
        Warning::TakenEarlier => {
            format!("The {slot} photo was, by its own clock, not taken within 30 minutes of its arrival.")
        }
    })
}

fn assemble(evidence: &Evidence, rental_return: &rental_return::Model) -> Report {
    let model = evidence.returned.iter().find_map(analysis).map(|seen| seen.model);
    Report {
        findings: numbered(evidence.returned.iter().flat_map(|photo| findings(evidence, photo)).collect()),
        warnings: warnings(evidence, rental_return),
        not_analysed: not_analysed(evidence, rental_return),
        model: model.and_then(|model| serde_json::to_value(model).ok()),
    }
}

/// Whether a return is so clean that its car need not wait for a person (R4): the model looked at
/// everything and saw nothing, not even doubtfully, and nothing lowers trust. Liability stays open all the same.
fn is_spotless(evidence: &Evidence, report: &Report) -> bool {
    let nothing_seen = |photo: &photo::Model| analysis(photo).is_some_and(|seen| seen.raw.is_empty());
    report.not_analysed.is_none() && report.warnings.is_empty() && evidence.returned.iter().all(nothing_seen)
}

/// Whether the branch of a car lets it go again without a person.
async fn auto_releases(tx: &impl ConnectionTrait, car_id: Uuid) -> Result<bool, DbErr> {
    let Some(car) = car::Entity::find_by_id(car_id).one(tx).await? else { return Ok(false) };
    let branch = branch::Entity::find_by_id(car.branch_id).one(tx).await?;
    Ok(branch.is_some_and(|branch| branch.auto_release))
}

impl Perform for ReportReturn {
    async fn perform(self, mut work: Work) -> Result<Finished, JobError> {
        let tx = work.begin().await?;
        let found = rental_return::Entity::find_by_id(self.return_id).lock_exclusive().one(&tx).await?;
        let Some(rental_return) = found else {
            drop(tx);
            return work.skip("the return is gone").await;
        };
        let next = rental_return.state.0.after(Event::Reported);
        let (Ok(state), true) = (next, rental_return.turn == self.turn) else {
            drop(tx);
            return work.skip("the return needs no report any more").await;
        };

        let evidence = Evidence::gather(&tx, &rental_return).await?;
        let report = assemble(&evidence, &rental_return);
        let version = rental_return.version + 1;
        let release = is_spotless(&evidence, &report) && auto_releases(&tx, rental_return.car_id).await?;
        let car_id = rental_return.car_id;
        let mut row = rental_return.into_active_model();
        if release {
            row.released_at = Set(Some(work.now()));
        }
        row.state = Set(state.into());
        row.report = Set(Some(serde_json::to_value(&report)?));
        row.reported_at = Set(Some(work.now()));
        row.version = Set(version);
        row.updated_at = Set(work.now());
        row.update(&tx).await?;

        work.then(&Announce { news: News::ReturnReported, subject_id: self.return_id, turn: self.turn });
        if release {
            work.then(&PromoteWaitlist::new(car_id));
        }
        work.done(tx, serde_json::json!({ "returnId": self.return_id, "findings": report.findings.len() })).await
    }
}
