//! Whether a call for a decision is told alone or together with others.

use entity::decision_call;
use jobs::notify::SendMail;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Statement,
    sea_query::{Expr, LockType},
};
use uuid::Uuid;

use crate::{JobError, Work};

/// Returns in one digest; the rest waits for the next.
const LARGEST_DIGEST: u64 = 100;

/// Whether this mail is told alone. Decided once: a repeated job finds what was decided before, and
/// what is not told alone waits for the digest that the clock asks for.
pub(super) async fn is_alone(work: &Work, asked: &SendMail) -> Result<bool, JobError> {
    let tx = work.begin().await?;
    // Jobs for one recipient count one after the other, or all of them would find room.
    entity::account::Entity::find_by_id(asked.account_id).lock(LockType::NoKeyUpdate).one(&tx).await?;
    let alone = match found(&tx, asked).await? {
        Some(call) => call.alone,
        None => insert(&tx, work, asked).await?.alone,
    };
    tx.commit().await?;
    Ok(alone)
}

async fn found(tx: &DatabaseTransaction, asked: &SendMail) -> Result<Option<decision_call::Model>, DbErr> {
    decision_call::Entity::find()
        .filter(decision_call::Column::AccountId.eq(asked.account_id))
        .filter(decision_call::Column::News.eq(asked.news.as_str()))
        .filter(decision_call::Column::SubjectId.eq(asked.subject_id))
        .filter(decision_call::Column::Turn.eq(asked.turn))
        .one(tx)
        .await
}

async fn insert(tx: &DatabaseTransaction, work: &Work, asked: &SendMail) -> Result<decision_call::Model, DbErr> {
    let within_the_hour = decision_call::Entity::find()
        .filter(decision_call::Column::AccountId.eq(asked.account_id))
        .filter(decision_call::Column::Alone.eq(true))
        .filter(Expr::cust("created_at > now() - interval '1 hour'"));
    let told = within_the_hour.count(tx).await?;
    let row = decision_call::ActiveModel {
        id: NotSet,
        account_id: Set(asked.account_id),
        news: Set(asked.news.as_str().to_owned()),
        subject_id: Set(asked.subject_id),
        turn: Set(asked.turn),
        alone: Set(told < work.context.digest_above),
        told_by: Set(None),
        created_at: Set(work.now()),
    };
    row.insert(tx).await
}

/// The calls that one digest tells: those that wait now, or, at a later try, those that it took before.
pub(super) async fn take(work: &Work, account_id: Uuid) -> Result<Vec<decision_call::Model>, JobError> {
    let tx = work.begin().await?;
    let sql = "update decision_call set told_by = $1
               where id in (select id from decision_call where account_id = $2 and not alone and told_by is null
                            order by id limit $3 for update skip locked)
                 and not exists (select 1 from decision_call where told_by = $1)";
    let values = [work.id().into(), account_id.into(), LARGEST_DIGEST.into()];
    tx.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    let taken = decision_call::Entity::find()
        .filter(decision_call::Column::ToldBy.eq(work.id()))
        .order_by_asc(decision_call::Column::Id);
    let taken = taken.all(&tx).await?;
    tx.commit().await?;
    Ok(taken)
}
