use entity::notification;
use jobs::notify::{Announce, SendMail};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    EntityTrait,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    facts::Facts,
    notice::{Notice, notice},
};
use crate::{Ending, JobError, Perform, Work};

impl Perform for Announce {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let Some(facts) = Facts::load(&work.context, self.news, self.subject_id, self.turn).await? else {
            return Ok(work.skip("the subject is gone"));
        };
        if let Some(reason) = facts.outdated(self.news, self.turn, work.now()) {
            return Ok(work.skip(reason));
        }
        let recipients = facts.recipients(self.news);
        if recipients.is_empty() {
            tracing::warn!(news = self.news.as_str(), "nobody is there to be told");
            return Ok(work.skip("nobody is there to be told"));
        }

        let notice = notice(self.news, &facts);
        let tx = work.begin().await?;
        let rows = recipients.iter().map(|account_id| row(*account_id, &notice, &work));
        notification::Entity::insert_many(rows).exec_without_returning(&tx).await?;

        let Self { news, subject_id, turn } = self;
        for account_id in recipients.iter().filter(|_| news.is_mailed()) {
            work.then(&SendMail { news, subject_id, turn, account_id: *account_id });
        }
        work.done(tx, json!({ "recipients": recipients.len() }))
    }
}

fn row(account_id: Uuid, notice: &Notice, work: &Work) -> notification::ActiveModel {
    notification::ActiveModel {
        id: Set(Uuid::now_v7()),
        // The database counts, in the order in which a live stream tells them.
        seq: NotSet,
        account_id: Set(account_id),
        kind: Set(notice.kind.to_owned()),
        title: Set(notice.title.clone()),
        message: Set(notice.message.clone()),
        data: Set(notice.data.clone()),
        is_read: Set(false),
        created_at: Set(work.now()),
    }
}
