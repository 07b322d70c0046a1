//! The price list of damage.

use entity::damage_matrix;
use jobs::{Job, Refusal, damage::ReplaceDamageMatrix};
use rules::{damage, problem};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait};
use uuid::Uuid;
use view::damage::DamageMatrix;

use crate::{Ending, JobError, Perform, Work, audit};

fn refusal(asked: &ReplaceDamageMatrix) -> Option<Refusal> {
    let refusal = Refusal::new(problem::VALIDATION_FAILED.code, "Please mend what is listed and send it again.");
    let wrong = damage::refused(&asked.lines).into_iter();
    let refusal =
        wrong.fold(refusal, |refusal, (at, words)| refusal.because(format!("/lines/{at}"), words.to_string()));
    (!refusal.errors.is_empty()).then_some(refusal)
}

impl Perform for ReplaceDamageMatrix {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        if let Some(refusal) = refusal(&self) {
            return Ok(work.refuse(refusal));
        }

        let tx = work.begin().await?;
        // Versions are counted one after the other.
        tx.execute_unprepared("lock table damage_matrix in share row exclusive mode").await?;
        let current = damage_matrix::Entity::current(&tx).await?;

        let row = damage_matrix::ActiveModel {
            version: Set(current.version + 1),
            currency: Set(self.currency.as_str().to_owned()),
            lines: Set(serde_json::to_value(&self.lines)?),
            replaced_by: Set(Some(self.replaced_by)),
            created_at: Set(work.now()),
        };
        let matrix = row.insert(&tx).await?;
        audit(&tx, Some(self.replaced_by), Self::KIND, "damage_matrix", Uuid::from_u128(version(&matrix))).await?;

        work.done(tx, DamageMatrix::try_from(matrix)?)
    }
}

/// The audit log knows subjects by id.
fn version(matrix: &damage_matrix::Model) -> u128 {
    u128::try_from(matrix.version).unwrap_or_default()
}
