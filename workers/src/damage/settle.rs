//! Staff answer a dispute, let the amount go, or write down what became of it.

use entity::{damage_case, supply::clock};
use jobs::{
    Refusal,
    damage::SettleDamage,
    notify::{Announce, News},
};
use rules::{
    damage::{AmountRefused, CaseEvent, CaseState},
    money::{Currency, Money},
    problem,
};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, DbErr};
use view::damage::DamageCase;

use super::case::{Step, advance, may_decide, not_found, own_rental, told};
use crate::{Ending, JobError, Perform, Work, rental::illegal};

/// Everything that decides whether it stands, read under the lock.
struct Hearing {
    case: damage_case::Model,
    to: CaseState,
    amount: i64,
}

async fn hear(tx: &DatabaseTransaction, asked: &SettleDamage) -> Result<Result<Hearing, Refusal>, DbErr> {
    let Some(case) = damage_case::Entity::locked(asked.case_id).one(tx).await? else { return Ok(Err(not_found())) };
    if !may_decide(tx, asked.settled_by, case.branch_id).await? {
        let words = "Only an admin, or whoever runs the branch of the rental, decides its damage.";
        return Ok(Err(Refusal::new(problem::FORBIDDEN.code, words)));
    }
    if let Some(refusal) = own_rental(asked.settled_by, case.customer_id) {
        return Ok(Err(refusal));
    }
    let to = match case.state.0.settled(asked.settlement.event(), case.amount) {
        Ok(to) => to,
        Err(refused) => return Ok(Err(Refusal { code: refused.problem().code.to_owned(), ..illegal(refused) })),
    };
    let currency = Currency::new(&case.currency).map_err(|error| DbErr::Custom(error.to_string()))?;
    Ok(match asked.settlement.amount(Money::new(case.amount, currency), asked.amount) {
        Ok(amount) => Ok(Hearing { case, to, amount }),
        Err(refused) => Err(doubt(refused)),
    })
}

fn doubt(refused: AmountRefused) -> Refusal {
    let pointer = if refused == AmountRefused::Nothing { "/verdict" } else { "/amount" };
    Refusal::new(problem::VALIDATION_FAILED.code, "The amount does not fit.").because(pointer, refused.to_string())
}

impl Perform for SettleDamage {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let Hearing { case, to, amount } = match hear(&tx, &self).await? {
            Ok(hearing) => hearing,
            Err(refusal) => {
                return Ok(work.refuse(refusal));
            }
        };
        let now = clock(&tx).await?;

        let (event, actor) = (self.settlement.event(), Some(self.settled_by));
        let step = Step { event, actor, reason: Some(&self.reason), via_link: self.via_link };
        let case = if event == CaseEvent::CustomerTold {
            told(&tx, &mut work, case, step, now).await?
        } else {
            let reason = self.reason.clone();
            advance(&tx, case, to, step, now, |row| {
                row.amount = Set(amount);
                if self.settlement.is_told() {
                    row.settlement = Set(Some(reason));
                    row.settled_by = Set(actor);
                    row.settled_at = Set(Some(now));
                    row.settled_as = Set(Some(self.settlement.into()));
                }
            })
            .await?
        };

        if self.settlement.is_told() {
            work.then(&Announce { news: News::DamageSettled, subject_id: case.return_id, turn: case.version });
        }
        work.done(tx, DamageCase::try_from(case)?)
    }
}
