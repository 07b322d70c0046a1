use std::{collections::HashSet, time::Duration};

use entity::photo;
use jobs::photo::ForgetUploads;
use platform::bucket::Listed;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter};

use super::arrival::INCOMING;
use crate::{Ending, JobError, Perform, Work};

/// Objects in one page; each that goes is one request to the bucket.
const PAGE: i32 = 200;

impl Perform for ForgetUploads {
    const TIMEOUT: Duration = Duration::from_secs(300);

    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let page = work.context.bucket.list(INCOMING, self.after.as_deref(), PAGE).await?;
        let old: Vec<_> = page.iter().filter(|it| it.modified < self.before).collect();
        let evidence = evidence(&work, &old).await?;

        let gone: Vec<_> = old.iter().filter(|it| !evidence.contains(&it.key)).collect();
        for upload in &gone {
            work.context.bucket.delete(&upload.key).await?;
        }

        let tx = work.begin().await?;
        if i32::try_from(page.len()) == Ok(PAGE) {
            let after = page.last().map(|last| last.key.clone());
            work.then(&Self { before: self.before, after });
        }
        work.done(tx, serde_json::json!({ "seen": page.len(), "removed": gone.len() }))
    }
}

/// The uploads that somebody has looked at: one that was refused stays where it came, and says why.
async fn evidence(work: &Work, uploads: &[&Listed]) -> Result<HashSet<String>, DbErr> {
    let rows = photo::Entity::find()
        .filter(photo::Column::ObjectKey.is_in(uploads.iter().map(|upload| upload.key.clone())))
        .filter(photo::Column::State.ne(photo::AWAITING));
    Ok(rows.all(work.db()).await?.into_iter().map(|photo| photo.object_key).collect())
}
