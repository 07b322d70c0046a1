use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{account, damage_case};
use rules::{
    damage::{CaseState, DISPUTE_WINDOW, Settlement},
    money::{Currency, Money},
};
use sea_orm::{DatabaseConnection, EntityTrait};
use serde::Serialize;
use uuid::Uuid;

use crate::notify::word::{Sum, When, lines};

/// The damage case of a return as mails tell it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Claimed {
    pub(crate) id: Uuid,
    #[serde(skip)]
    pub(crate) state: CaseState,
    /// What was confirmed, all in all.
    pub(crate) estimate: Sum,
    /// What is asked for now.
    pub(crate) amount: Sum,
    /// Anything is.
    pub(crate) owed: bool,
    pub(crate) respond_by: Option<When>,
    /// What the customer says against it, line by line.
    pub(crate) dispute: Vec<String>,
    /// How many photos they sent with it.
    pub(crate) photos: usize,
    /// Why staff decided as they did, line by line.
    pub(crate) settlement: Vec<String>,
    pub(crate) settled_by: Option<String>,
    pub(crate) reduced: bool,
    /// Nobody of staff has settled it.
    pub(crate) unanswered: bool,
    /// What it comes to is decided, whatever was done about it since.
    #[serde(skip)]
    pub(crate) is_settled: bool,
}

/// How a case stands that the customer agreed to, or did not answer, and what follows.
const AGREED: [CaseState; 4] = [CaseState::Accepted, CaseState::Charged, CaseState::Released, CaseState::Closed];

impl Claimed {
    /// # Errors
    /// When the database does not answer or holds what nobody can read.
    pub(crate) async fn load(db: &DatabaseConnection, return_id: Uuid, zone: Tz) -> anyhow::Result<Option<Self>> {
        let Some(case) = damage_case::Entity::of_return(return_id).one(db).await? else { return Ok(None) };
        let currency = Currency::new(&case.currency)?;
        let sum = |amount| Sum(Money::new(amount, currency));
        let settler = match case.settled_by {
            Some(id) => account::Entity::find_by_id(id).one(db).await?.map(|account| account.name),
            None => None,
        };
        let state = case.state.0;
        Ok(Some(Self {
            id: case.id,
            state,
            estimate: sum(case.estimate),
            amount: sum(case.amount),
            owed: case.amount > 0,
            respond_by: case.respond_by.map(|at| When { at, zone }),
            dispute: case.dispute.as_deref().map(lines).unwrap_or_default(),
            photos: case.dispute_photos()?.len(),
            settlement: case.settlement.as_deref().map(lines).unwrap_or_default(),
            settled_by: settler,
            reduced: case.settled_as.is_some_and(|settled| settled.0 == Settlement::Reduced),
            unanswered: case.settled_at.is_none(),
            is_settled: case.settled_at.is_some() || AGREED.contains(&state),
        }))
    }

    /// Until when the customer may answer: as promised, or counted from the mail that promises it.
    pub(crate) fn answer_by(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.respond_by.map_or(now + DISPUTE_WINDOW, |when| when.at)
    }
}
