use std::{collections::HashSet, time::Duration};

use entity::{
    damage_case::{self, DisputePhoto},
    photo, upload,
};
use jobs::{
    Job,
    damage::DisputeDamage,
    photo::ForgetUploads,
    rental::{PickUpCar, ReturnCar},
};
use sea_orm::{
    ColumnTrait, Condition, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter, Statement,
    entity::prelude::Json,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{Ending, JobError, Perform, Work};

/// Objects in one page; each that goes is two requests to the bucket, or three.
const PAGE: i32 = 200;

impl Perform for ForgetUploads {
    const TIMEOUT: Duration = Duration::from_secs(300);

    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let page = work.context.bucket.list(upload::INCOMING, self.after.as_deref(), PAGE).await?;
        let old: Vec<_> = page.iter().filter(|it| it.modified < self.before).map(|it| it.key.as_str()).collect();
        let needed = needed(&work, &old).await?;

        let gone: Vec<_> = old.into_iter().filter(|key| !needed.contains(*key)).collect();
        let named = named(&work, &gone).await?;
        for upload in &gone {
            // First what was made of it: without the upload nobody would look for that again.
            for key in made_of(upload).iter().filter(|key| !named.contains(*key)) {
                work.context.bucket.delete(key).await?;
            }
            work.context.bucket.delete(upload).await?;
        }

        let tx = work.begin().await?;
        if i32::try_from(page.len()) == Ok(PAGE) {
            let after = page.last().map(|last| last.key.clone());
            work.then(&Self { before: self.before, after });
        }
        work.done(tx, serde_json::json!({ "seen": page.len(), "removed": gone.len() }))
    }
}

/// The uploads that somebody has looked at, since one that was refused stays where it came and says why; and those that a
/// job asks for that is not over, be it dead and replayed in a week.
async fn needed(work: &Work, uploads: &[&str]) -> Result<HashSet<String>, JobError> {
    let mut needed = HashSet::new();
    let (mut bookings, mut returns) = (Vec::new(), Vec::new());
    for asked in asked(work).await? {
        needed.extend(asked.photos.into_iter().map(|photo| photo.object_key));
        bookings.extend(asked.booking_id);
        returns.extend(asked.return_id);
    }
    let of_use = Condition::any()
        .add(photo::Column::State.ne(photo::AWAITING))
        .add(photo::Column::BookingId.is_in(bookings))
        .add(photo::Column::ReturnId.is_in(returns));
    let rows = photo::Entity::find().filter(photo::Column::ObjectKey.is_in(uploads.iter().copied())).filter(of_use);
    needed.extend(rows.all(work.db()).await?.into_iter().map(|photo| photo.object_key));
    Ok(needed)
}

/// Which uploads a job asks for: those that it names, and what was put there for its rental or its return.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    photos: Vec<Named>,
    booking_id: Option<Uuid>,
    return_id: Option<Uuid>,
}

#[derive(Deserialize)]
struct Named {
    object_key: String,
}

#[derive(FromQueryResult)]
struct Unended {
    payload: Json,
}

/// Each state by its own index: there are as many finished jobs as a month brought.
const UNENDED: &str = "
select payload from job where state = 'ready' and queue = $1 and kind = any($2)
union all
select payload from job where state = 'running' and queue = $1 and kind = any($2)
union all
select payload from job where state = 'dead' and kind = any($2)";

async fn asked(work: &Work) -> Result<Vec<Asked>, JobError> {
    let kinds = [PickUpCar::KIND, ReturnCar::KIND, DisputeDamage::KIND].map(str::to_owned).to_vec();
    let values = [ReturnCar::QUEUE.as_str().into(), kinds.into()];
    let unended = Statement::from_sql_and_values(DbBackend::Postgres, UNENDED, values);
    let unended = Unended::find_by_statement(unended).all(work.db()).await?;
    Ok(unended.into_iter().map(|job| serde_json::from_value(job.payload)).collect::<Result<_, _>>()?)
}

/// What an attempt may have made of an upload: the original, and of a dispute its copy too.
fn made_of(upload: &str) -> Vec<String> {
    let Some(original) = upload::kept(upload) else { return Vec::new() };
    let copy = DisputePhoto::at_key(original).map(|(case, id)| DisputePhoto::copy_key(case, id));
    [Some(original.to_owned()), copy].into_iter().flatten().collect()
}

/// What was made of these uploads and counts: a row names it.
async fn named(work: &Work, uploads: &[&str]) -> Result<HashSet<String>, DbErr> {
    let originals: Vec<&str> = uploads.iter().filter_map(|upload| upload::kept(upload)).collect();
    let cases = originals.iter().filter_map(|key| Some(DisputePhoto::at_key(key)?.0));
    let cases = damage_case::Entity::find().filter(damage_case::Column::Id.is_in(cases));
    let mut named = HashSet::new();
    for case in cases.all(work.db()).await? {
        let photos = case.dispute_photos()?.into_iter();
        named.extend(photos.flat_map(|it| [DisputePhoto::key(case.id, it.id), DisputePhoto::copy_key(case.id, it.id)]));
    }
    let photos = photo::Entity::find().filter(photo::Column::ObjectKey.is_in(originals));
    named.extend(photos.all(work.db()).await?.into_iter().map(|photo| photo.object_key));
    Ok(named)
}
