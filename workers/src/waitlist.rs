//! Waiting for time that is taken.

use entity::car;
use jobs::waitlist::PromoteWaitlist;
use sea_orm::EntityTrait;

use crate::{Finished, JobError, Perform, Work};

impl Perform for PromoteWaitlist {
    async fn perform(self, work: Work) -> Result<Finished, JobError> {
        if car::Entity::find_by_id(self.car_id).one(work.db()).await?.is_none() {
            return work.skip("the car is gone").await;
        }
        // Entries cannot be made yet, so whoever frees time finds nobody here.
        work.skip("nobody waits").await
    }
}
