//! Branches open.

use chrono_tz::Tz;
use entity::branch;
use jobs::{Refusal, car::AddBranch};
use rules::problem;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use view::branch::Branch;

use crate::{Ending, JobError, Perform, Work, audit};

fn refused(pointer: &str, message: &str) -> Refusal {
    Refusal::new(problem::VALIDATION_FAILED.code, "Please mend what is listed and send it again.")
        .because(pointer, message)
}

pub(crate) fn no_branch() -> Refusal {
    Refusal::new(problem::VALIDATION_FAILED.code, "There is no such branch.").because("/branchId", "is no branch")
}

impl Perform for AddBranch {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        if self.time_zone.parse::<Tz>().is_err() {
            return Ok(work.refuse(refused("/timeZone", "is no IANA time zone such as Europe/Berlin")));
        }

        let tx = work.begin().await?;
        let known = branch::Entity::find().filter(branch::Column::Name.eq(&self.name)).one(&tx).await?;
        match known {
            Some(branch) if branch.id == self.branch_id => return work.done(tx, Branch::from(branch)),
            Some(_) => {
                return Ok(work.refuse(refused("/name", "is the name of another branch")));
            }
            None => {}
        }

        let row = branch::ActiveModel {
            id: Set(self.branch_id),
            name: Set(self.name),
            time_zone: Set(self.time_zone),
            address: Set(self.address),
            latitude: Set(self.latitude),
            longitude: Set(self.longitude),
            turnaround_minutes: Set(self.turnaround_minutes.unwrap_or(60)),
            auto_release: Set(self.auto_release.unwrap_or(false)),
            created_at: Set(work.now()),
            ..Default::default()
        };
        let branch = row.insert(&tx).await?;
        audit(&tx, Some(self.added_by), "add_branch", "branch", branch.id).await?;

        work.done(tx, Branch::from(branch))
    }
}
