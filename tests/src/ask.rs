use entity::job;
use jobs::{Job, NewJob, Outcome, Refusal, ledger};
use sea_orm::EntityTrait;
use serde_json::Value;

use crate::Bed;

impl Bed {
    /// Asks for a job and waits for its end.
    pub async fn ask(&self, asked: &impl Job) -> Outcome {
        let asked = NewJob::new(asked);
        ledger::accept(&self.db, &asked).await.unwrap();
        self.hurry(&asked);
        let ended = crate::until(&format!("{} is done", asked.kind), || async {
            let job = job::Entity::find_by_id(asked.id).one(&self.db).await.unwrap().unwrap();
            matches!(job.state.as_str(), "done" | "dead").then_some(job)
        })
        .await;
        serde_json::from_value(ended.outcome.unwrap_or_else(|| panic!("{:?}", ended.error))).unwrap()
    }
}

/// The document of what was done.
pub fn done(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Done { document } => serde_json::from_str(document.get()).unwrap(),
        Outcome::Refused(refusal) => panic!("refused: {refusal:?}"),
    }
}

/// Why it was refused.
pub fn refused(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        Outcome::Done { document } => panic!("done: {document}"),
    }
}
