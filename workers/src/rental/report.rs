//! The report of a return: what the model saw on every side, compared with the pick-up.

mod warning;

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::{booking, branch, car, damage, damage_matrix, photo, rental_return};
use jobs::{
    notify::{Announce, News},
    rental::ReportReturn,
    waitlist::PromoteWaitlist,
};
use rules::{
    damage::{Basis, Class, Detection, Known, Matrix, Novelty, Overlay, Pickup, Region, compare},
    photo::{PhotoRefused, Warning},
    rental::{Event, Occasion, Slot},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder,
};
use uuid::Uuid;
use view::rental::{Finding, Report};

use super::case::Case;
use crate::{Ending, JobError, Perform, Work, damage::case, photo::Comparison, vision::detector};

/// How long after a return the report usually waits for thumbnails and model; then it tells what there is (R5).
pub(crate) const REPORT_PATIENCE: Duration = Duration::from_secs(120);

/// What the report is made of.
struct Evidence {
    pickup: Vec<photo::Model>,
    returned: Vec<photo::Model>,
    register: Vec<Item>,
    /// The sides for which a file was sent that had been used before.
    reused: Vec<Slot>,
    matrix: Matrix,
}

/// An open item of the register, and the photo that its box was drawn on.
struct Item {
    known: Known,
    photo: Option<Uuid>,
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
        let booking = booking::Entity::find_by_id(rental_return.booking_id).one(tx).await?;
        let mut matrix = damage_matrix::Entity::current(tx).await?.matrix()?;
        // Amounts of another currency would be worse than none.
        if booking.is_none_or(|booking| booking.currency != matrix.currency.as_str()) {
            matrix.lines.clear();
        }
        Ok(Self { pickup, returned, register: register.iter().filter_map(known).collect(), reused, matrix })
    }

    fn pickup_of(&self, slot: Slot) -> Option<&photo::Model> {
        self.pickup.iter().find(|photo| photo.slot.0 == slot)
    }

    fn returned_of(&self, slot: Slot) -> Option<&photo::Model> {
        self.returned.iter().find(|photo| photo.slot.0 == slot)
    }
}

/// An item of the register as the comparison wants it. One whose side is no known word tells it nothing.
fn known(item: &damage::Model) -> Option<Item> {
    let known = Known {
        side: item.side.parse().ok()?,
        class: item.class.0,
        panel: item.panel.as_ref().and_then(|panel| panel.parse().ok()),
        region: item.region.clone().and_then(|region| serde_json::from_value(region).ok()),
        overlay: None,
    };
    Some(Item { known, photo: item.photo_id })
}

fn analysis(photo: &photo::Model) -> Option<detector::Detections> {
    serde_json::from_value(photo.analysis.clone()?).ok()
}

/// A model that knows cars saw none. Where no model was asked, nobody says so.
fn shows_no_car(analysis: &detector::Detections) -> bool {
    analysis.car.as_ref().is_some_and(|car| !car.is_one())
}

fn detection(slot: Slot, seen: &detector::Detection) -> Detection {
    let class = seen.class.parse().unwrap_or(Class::Other);
    Detection { side: slot.into(), class, score: seen.score, region: seen.region, panel: None }
}

/// The findings on one side, not yet numbered.
fn findings(evidence: &Evidence, photo: &photo::Model) -> Vec<Finding> {
    let slot = photo.slot.0;
    let found: Vec<_> = analysis(photo).iter().flat_map(|seen| &seen.boxes).map(|seen| detection(slot, seen)).collect();
    let overlays = Comparison::of(photo);
    let overlay = |onto: Uuid| overlays.as_ref()?.onto(onto)?.overlay.clone();
    let before = evidence.pickup_of(slot).and_then(|before| baseline(slot, before, overlay(before.id)));
    let register: Vec<_> = evidence
        .register
        .iter()
        .map(|item| Known { overlay: item.photo.and_then(overlay), ..item.known.clone() })
        .collect();
    let compared = compare(&found, before.as_ref(), &register);
    compared.into_iter().map(|finding| shown(photo, finding, &evidence.matrix)).collect()
}

/// What the model saw at the pick-up; none when it did not look.
fn baseline(slot: Slot, before: &photo::Model, overlay: Option<Overlay>) -> Option<Pickup> {
    let analysis = analysis(before)?;
    // A doubtful box on the pick-up photo still speaks for the customer.
    let marks = analysis.raw.iter().map(|seen| detection(slot, seen)).collect();
    let poor = [Warning::Blurred, Warning::Dark];
    let poor = before.warnings.iter().filter_map(|word| word.parse().ok()).any(|warning| poor.contains(&warning));
    Some(Pickup { marks, overlay, poor: poor || shows_no_car(&analysis) })
}

fn shown(photo: &photo::Model, finding: rules::damage::Finding, matrix: &Matrix) -> Finding {
    let suggestion = matrix.suggestion(&finding);
    let estimate = suggestion.and_then(|suggestion| suggestion.estimate);
    let Detection { class, score, region, .. } = finding.detection;
    let by_position = if finding.basis == Basis::Position { " (compared by position alone)" } else { "" };
    Finding {
        number: 0,
        photo_id: photo.id,
        side: photo.slot.into(),
        class: class.to_string(),
        score,
        region: place(region),
        novelty: finding.novelty.to_string(),
        reason: format!("{}{by_position}", finding.reason),
        basis: finding.basis.to_string(),
        pickup_region: finding.before.map(place),
        suggested_panel: class.panel().map(Into::into),
        suggested_severity: suggestion.map(|suggestion| suggestion.severity.to_string()),
        suggested_estimate: estimate.map(view::Money::from),
    }
}

fn place(region: Region) -> view::rental::Region {
    let Region { x, y, width, height, .. } = region;
    view::rental::Region { x, y, width, height }
}

/// How each photo lies over the pick-up photo of its side.
fn comparisons(evidence: &Evidence) -> Vec<view::rental::Comparison> {
    let comparison = |photo: &photo::Model| {
        let before = evidence.pickup_of(photo.slot.0)?;
        let stored = Comparison::of(photo);
        let laid = stored.as_ref().and_then(|stored| stored.onto(before.id));
        let overlay = laid.and_then(|laid| laid.overlay.as_ref());
        let unknown = || Some("the photos were not compared".to_owned());
        Some(view::rental::Comparison {
            side: photo.slot.into(),
            pickup_photo_id: before.id,
            transform: overlay.and_then(|overlay| overlay.layers.first()).map(|layer| layer.transform.0.to_vec()),
            inliers: overlay.map_or(0, |overlay| i32::try_from(overlay.proof()).unwrap_or(i32::MAX)),
            surfaces: overlay.map_or(0, |overlay| i32::try_from(overlay.layers.len()).unwrap_or(i32::MAX)),
            reason: if overlay.is_some() { None } else { laid.map_or_else(unknown, |laid| laid.apart.clone()) },
        })
    };
    evidence.returned.iter().filter_map(comparison).collect()
}

/// Possibly new marks first, known ones last; the numbers are those of the boxes on the photos.
fn numbered(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| finding.novelty == Novelty::Known.as_str());
    for (number, finding) in (1..).zip(&mut findings) {
        finding.number = number;
    }
    findings
}

/// Why the return was not analysed, in words; `None` when every side was. A part that was
/// not looked at must not pass for a clean one.
fn not_analysed(evidence: &Evidence, rental_return: &rental_return::Model) -> Option<String> {
    if evidence.returned.is_empty() {
        let excuse = rental_return.without_photos_reason.as_ref();
        return Some(format!("there are no photos{}", excuse.map(|why| format!(": {why}")).unwrap_or_default()));
    }
    let why_not = |slot: &Slot| Some((*slot, why_not(evidence.returned_of(*slot))?));
    let reasons: Vec<_> = Slot::ALL.iter().filter_map(why_not).collect();
    let (_, first) = reasons.first()?;
    if reasons.len() == Slot::ALL.len() && reasons.iter().all(|(_, reason)| reason == first) {
        return Some(first.clone());
    }
    Some(reasons.iter().map(|(slot, reason)| format!("{slot}: {reason}")).collect::<Vec<_>>().join("; "))
}

/// Why a side was not analysed; `None` when it was.
fn why_not(photo: Option<&photo::Model>) -> Option<String> {
    let silent = || "the model did not answer in time".to_owned();
    match photo {
        None => Some("there is no photo".to_owned()),
        Some(photo) if analysis(photo).is_some() => None,
        Some(photo) => Some(photo.analysis_failure.clone().unwrap_or_else(silent)),
    }
}

fn assemble(evidence: &Evidence, rental_return: &rental_return::Model) -> Report {
    let model = evidence.returned.iter().find_map(analysis).map(|seen| seen.model);
    Report {
        findings: numbered(evidence.returned.iter().flat_map(|photo| findings(evidence, photo)).collect()),
        warnings: warning::warnings(evidence, rental_return),
        comparisons: comparisons(evidence),
        not_analysed: not_analysed(evidence, rental_return),
        model: model.and_then(|model| serde_json::to_value(model).ok()),
        matrix_version: Some(evidence.matrix.version),
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

/// A mark that may be new opens a case of damage, once; a person decides it.
async fn raise_question(
    tx: &DatabaseTransaction,
    booking: &booking::Model,
    rental_return: &rental_return::Model,
    report: &Report,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let raised = report.findings.iter().any(|finding| finding.novelty != Novelty::Known.as_str());
    if !raised || case::of_return(tx, rental_return.id).await?.is_some() {
        return Ok(());
    }
    case::open(tx, rental_return, booking, None, now).await.map(drop)
}

/// The return with its booking, locked in the order in which everybody locks.
async fn locked(
    tx: &DatabaseTransaction,
    return_id: Uuid,
) -> Result<Option<(booking::Model, rental_return::Model)>, DbErr> {
    let Some(seen) = rental_return::Entity::find_by_id(return_id).one(tx).await? else { return Ok(None) };
    let case = Case::lock(tx, seen.booking_id).await?;
    Ok(case.and_then(|case| Some((case.booking, case.rental_return?))))
}

impl Perform for ReportReturn {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        // Car and booking too, and before it: a case of damage refers to all three, and whoever decides locks all three.
        let Some((booking, rental_return)) = locked(&tx, self.return_id).await? else {
            return Ok(work.skip("the return is gone"));
        };
        let next = rental_return.state.0.after(Event::Reported);
        let (Ok(state), true) = (next, rental_return.turn == self.turn) else {
            return Ok(work.skip("the return needs no report any more"));
        };

        let evidence = Evidence::gather(&tx, &rental_return).await?;
        let report = assemble(&evidence, &rental_return);
        let version = rental_return.version + 1;
        raise_question(&tx, &booking, &rental_return, &report, work.now()).await?;
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
        work.done(tx, serde_json::json!({ "returnId": self.return_id, "findings": report.findings.len() }))
    }
}
