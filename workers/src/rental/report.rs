//! The report of a return: what the model saw on every side, compared with the pick-up.

mod evidence;
mod finding;
mod warning;

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::{booking, branch, car, rental_return};
use jobs::{
    notify::{Announce, News},
    rental::ReportReturn,
    waitlist::PromoteWaitlist,
};
use rules::{
    damage::Novelty,
    rental::{Event, Slot},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
};
use uuid::Uuid;
use view::rental::{Comparison, Report};

use self::{
    evidence::{Evidence, Shot},
    finding::findings,
    warning::warnings,
};
use super::case::Case;
use crate::{Ending, JobError, Perform, Work, damage::case};

/// How long after a return the report usually waits for thumbnails and model; then it tells what there is (R5).
pub(crate) const REPORT_PATIENCE: Duration = Duration::from_secs(120);

/// How each photo lies over the pick-up photo of its side.
fn comparisons(evidence: &Evidence) -> Vec<Comparison> {
    let comparison = |shot: &Shot| {
        let before = evidence.pickup_of(shot.slot())?.photo.id;
        let laid = shot.comparison.as_ref().and_then(|stored| stored.onto(before));
        let overlay = laid.and_then(|laid| laid.overlay.as_ref());
        let unknown = || Some("the photos were not compared".to_owned());
        Some(Comparison {
            side: shot.photo.slot.into(),
            pickup_photo_id: before,
            transform: overlay.and_then(|overlay| overlay.layers.first()).map(|layer| layer.transform.0.to_vec()),
            inliers: overlay.map_or(0, |overlay| i32::try_from(overlay.proof()).unwrap_or(i32::MAX)),
            surfaces: overlay.map_or(0, |overlay| i32::try_from(overlay.layers.len()).unwrap_or(i32::MAX)),
            reason: if overlay.is_some() { None } else { laid.map_or_else(unknown, |laid| laid.apart.clone()) },
        })
    };
    evidence.returned.iter().filter_map(comparison).collect()
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
fn why_not(shot: Option<&Shot>) -> Option<String> {
    let silent = || "the model did not answer in time".to_owned();
    match shot {
        None => Some("there is no photo".to_owned()),
        Some(shot) if shot.analysis.is_some() => None,
        Some(shot) => Some(shot.photo.analysis_failure.clone().unwrap_or_else(silent)),
    }
}

fn assemble(evidence: &Evidence, rental_return: &rental_return::Model) -> Report {
    let model = evidence.returned.iter().find_map(|shot| shot.analysis.as_ref()).map(|seen| &seen.model);
    let findings = findings(evidence);
    Report {
        warnings: warnings(evidence, rental_return, &findings),
        findings,
        comparisons: comparisons(evidence),
        not_analysed: not_analysed(evidence, rental_return),
        model: model.and_then(|model| serde_json::to_value(model).ok()),
        matrix_version: Some(evidence.matrix.version),
    }
}

/// Whether a return is so clean that its car need not wait for a person (R4): the model looked at
/// everything and saw nothing, not even doubtfully, and nothing lowers trust. Liability stays open all the same.
fn is_spotless(evidence: &Evidence, report: &Report) -> bool {
    let nothing_seen = |shot: &Shot| shot.analysis.as_ref().is_some_and(|seen| seen.raw.is_empty());
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
