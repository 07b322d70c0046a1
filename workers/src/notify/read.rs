use entity::notification::{Column, Entity};
use jobs::notify::ReadNotification;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, sea_query::Expr};
use view::notification::Read;

use crate::{Ending, JobError, Perform, Work};

impl Perform for ReadNotification {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        let meant = match self.notification_id {
            Some(id) => Column::Id.eq(id),
            // What came after the question has not been read.
            None => Column::CreatedAt.lte(work.asked_at()),
        };
        let unread =
            Condition::all().add(Column::AccountId.eq(self.account_id)).add(Column::IsRead.eq(false)).add(meant);

        let tx = work.begin().await?;
        let marked = Entity::update_many().col_expr(Column::IsRead, Expr::value(true)).filter(unread).exec(&tx).await?;

        work.done(tx, Read { read: marked.rows_affected })
    }
}
