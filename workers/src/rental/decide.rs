//! A person decides a return. The model never does.

mod claim;
mod question;

use entity::{account, booking, car, damage, link, rental_return};
use jobs::{
    Refusal,
    notify::{Announce, News},
    rental::DecideReturn,
    waitlist::PromoteWaitlist,
};
use rules::{
    booking::Event,
    car::CarStatus,
    damage::Severity,
    problem,
    rental::{ReturnState, Verdict},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;
use view::{
    damage::DamageCaseItem,
    rental::{Decision, Report},
};

use super::case::{Case, document, illegal, not_found, note};
use crate::{
    Ending, JobError, Perform, Work,
    booking::stranded,
    damage::case::{may_decide, own_rental},
    waitlist::{offers, withdraw},
};

/// Everything that decides whether the decision stands, read under the locks.
struct Hearing {
    case: Case,
    rental_return: rental_return::Model,
    claims: Vec<DamageCaseItem>,
    /// The version of the damage matrix that the report's estimates are from.
    matrix_version: Option<i32>,
    state: ReturnState,
}

/// Who was faster, for the one who comes too late.
async fn already_decided(db: &impl ConnectionTrait, decided: &rental_return::Model) -> Result<Refusal, DbErr> {
    let person = match decided.decided_by {
        Some(id) => account::Entity::find_by_id(id).one(db).await?,
        None => None,
    };
    let name = person.map_or_else(|| "somebody else".to_owned(), |person| person.name);
    let at = decided.decided_at.unwrap_or(decided.updated_at);
    let words = format!("{name} decided this return on {}.", at.format("%-d %B %Y at %H:%M UTC"));
    let refusal = Refusal::new(problem::ALREADY_DECIDED.code, words);
    Ok(refusal.with("decidedBy", name).with("decidedAt", at.to_rfc3339()))
}

async fn hear(tx: &DatabaseTransaction, asked: &DecideReturn) -> Result<Result<Hearing, Refusal>, DbErr> {
    let Some(seen) = rental_return::Entity::find_by_id(asked.return_id).one(tx).await? else {
        return Ok(Err(not_found()));
    };
    let Some(mut case) = Case::lock(tx, seen.booking_id).await? else { return Ok(Err(not_found())) };
    if !may_decide(tx, asked.decided_by, case.booking.branch_id).await? {
        let words = "Only an admin, or whoever runs the branch of the rental, decides its return.";
        return Ok(Err(Refusal::new(problem::FORBIDDEN.code, words)));
    }
    if let Some(refusal) = own_rental(asked.decided_by, case.booking.customer_id) {
        return Ok(Err(refusal));
    }
    let Some(rental_return) = case.rental_return.take() else { return Ok(Err(not_found())) };
    if rental_return.state.0 == ReturnState::Decided {
        return Ok(Err(already_decided(tx, &rental_return).await?));
    }
    let state = match rental_return.state.0.after(asked.verdict.event()) {
        Ok(state) => state,
        Err(refused) => return Ok(Err(illegal(refused))),
    };
    let report = Report::of(&rental_return)?.unwrap_or_default();
    let matrix_version = report.matrix_version;
    Ok(claims(asked, &report).map(|claims| Hearing { case, rental_return, claims, matrix_version, state }))
}

/// What is confirmed; the other verdicts confirm nothing, whatever came along.
fn claims(asked: &DecideReturn, report: &Report) -> Result<Vec<DamageCaseItem>, Refusal> {
    if asked.verdict != Verdict::Damage {
        return Ok(Vec::new());
    }
    claim::read(&asked.findings, asked.note.as_deref(), report)
}

async fn settle(
    tx: &DatabaseTransaction,
    work: &Work,
    asked: &DecideReturn,
    hearing: &Hearing,
) -> Result<rental_return::Model, JobError> {
    let (now, before) = (work.now(), hearing.rental_return.clone());
    let (version, turn) = (before.version + 1, before.turn + 1);
    let mut row = before.into_active_model();
    row.state = Set(hearing.state.into());
    row.version = Set(version);
    row.updated_at = Set(now);
    let decision = Decision {
        verdict: asked.verdict.into(),
        findings: hearing.claims.clone(),
        note: asked.note.clone(),
        decided_by: asked.decided_by,
        decided_at: now,
        matrix_version: hearing.matrix_version,
    };
    row.decision = Set(Some(serde_json::to_value(decision)?));
    if asked.verdict == Verdict::MorePhotos {
        row.turn = Set(turn);
        return Ok(row.update(tx).await?);
    }
    row.verdict = Set(Some(asked.verdict.into()));
    row.decided_by = Set(Some(asked.decided_by));
    row.decided_at = Set(Some(now));
    if asked.verdict == Verdict::Clear {
        row.released_at = Set(Some(now));
    }
    Ok(row.update(tx).await?)
}

/// What is confirmed goes into the car's register, whatever becomes of the money.
async fn register(
    tx: &DatabaseTransaction,
    work: &Work,
    asked: &DecideReturn,
    hearing: &Hearing,
) -> Result<(), JobError> {
    for claim in &hearing.claims {
        let row = damage::ActiveModel {
            id: Set(Uuid::now_v7()),
            car_id: Set(hearing.case.car.id),
            side: Set(claim.side.0.into()),
            panel: Set(claim.panel.map(|panel| panel.0.into())),
            class: Set(claim.class.0.into()),
            severity: Set(claim.severity.0.into()),
            region: Set(claim.region.as_ref().map(serde_json::to_value).transpose()?),
            note: Set(claim.note.clone()),
            estimate: Set(claim.estimate),
            return_id: Set(Some(hearing.rental_return.id)),
            photo_id: Set(claim.photo_id),
            recorded_by: Set(Some(asked.decided_by)),
            created_at: Set(work.now()),
            repaired_at: Set(None),
        };
        row.insert(tx).await?;
    }
    Ok(())
}

/// A car that is not safe to drive is not handed to the next customers: those of the next days get another. Returns how many
/// offers of it were taken back.
async fn quarantine(tx: &DatabaseTransaction, work: &mut Work, hearing: &Hearing) -> Result<usize, JobError> {
    let severe = hearing.claims.iter().any(|claim| claim.severity.0 == Severity::Severe);
    if !severe || hearing.case.car.status.0 != CarStatus::InService {
        return Ok(0);
    }
    let version = hearing.case.car.version + 1;
    let mut row = car::ActiveModel { id: Set(hearing.case.car.id), ..Default::default() };
    row.status = Set(CarStatus::Quarantined.into());
    row.version = Set(version);
    row.stopped_version = Set(version);
    row.updated_at = Set(work.now());
    let car = row.update(tx).await?;
    for conflict in stranded(tx, &car, work.now()).await? {
        work.then(&conflict);
    }
    withdraw(tx, work, &[car], "the car must not be driven", work.now()).await
}

async fn close(tx: &DatabaseTransaction, work: &Work, booking: &booking::Model) -> Result<(), JobError> {
    let status = booking.status.0.after(Event::Closed).map_err(|refused| JobError::GiveUp(refused.to_string()))?;
    let version = booking.version + 1;
    let mut row = booking.clone().into_active_model();
    row.status = Set(status.into());
    row.version = Set(version);
    row.updated_at = Set(work.now());
    row.update(tx).await?;
    Ok(())
}

/// The links in the mails about this report end with the decision; a next report brings its own.
async fn end_links(tx: &DatabaseTransaction, work: &Work, return_id: Uuid) -> Result<(), DbErr> {
    link::Entity::update_many()
        .col_expr(link::Column::UsedAt, Expr::value(work.now()))
        .filter(link::Column::Scope.eq(platform::link::REVIEW))
        .filter(link::Column::SubjectId.eq(return_id))
        .filter(link::Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

impl Perform for DecideReturn {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let hearing = match hear(&tx, &self).await? {
            Ok(hearing) => hearing,
            Err(refusal) => {
                return Ok(work.refuse(refusal));
            }
        };

        let decided = settle(&tx, &work, &self, &hearing).await?;
        let mut revoked = 0;
        if hearing.state == ReturnState::Decided {
            register(&tx, &work, &self, &hearing).await?;
            question::answer(&tx, &work, &self, &hearing).await?;
            revoked = quarantine(&tx, &mut work, &hearing).await?;
            close(&tx, &work, &hearing.case.booking).await?;
        }
        if self.verdict == Verdict::MorePhotos {
            question::begin_review(&tx, &work, &self).await?;
        }
        end_links(&tx, &work, decided.id).await?;
        let detail = json!({ "verdict": self.verdict, "via": if self.via_link { "link" } else { "login" } });
        note(&tx, self.decided_by, "decide_return", ("return", decided.id), detail, work.now()).await?;

        let news = match self.verdict {
            Verdict::Clear => News::ReturnCleared,
            Verdict::Damage => News::DamageConfirmed,
            Verdict::MorePhotos => News::PhotosWanted,
        };
        work.then(&Announce { news, subject_id: decided.id, turn: decided.turn });
        if hearing.state == ReturnState::Decided {
            // A person has looked at the car: whoever wants it as soon as it is free can have it (W16).
            work.then(&PromoteWaitlist::new(hearing.case.car.id));
        }
        let document = document(&tx, decided).await?;
        Ok(work.done(tx, document)?.afterwards(async move { offers("revoked", revoked) }))
    }
}
