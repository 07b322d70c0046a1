//! The links in mails, as rows that the pages look tokens up in.

use chrono::{DateTime, TimeDelta, Utc};
use entity::link;
use platform::link::{DAMAGE, ENTRY, LinkKey, OFFER, REVIEW, hash};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, sea_query::OnConflict};
use uuid::Uuid;

use crate::Context;

/// How long staff can decide by a link.
pub(crate) const LIFE: TimeDelta = TimeDelta::hours(72);

/// The address at which one recipient can decide one return.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn review(
    context: &Context,
    return_id: Uuid,
    account_id: Uuid,
    turn: i32,
    now: DateTime<Utc>,
) -> Result<String, DbErr> {
    let token = key(context).token(REVIEW, return_id, account_id, turn);
    keep(context, &token, REVIEW, return_id, account_id, now + LIFE, now).await?;
    Ok(format!("{}/review/{token}", context.settings.public_url))
}

/// The address at which one customer takes one offer; every mail about it carries the same.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn offer(
    context: &Context,
    offer_id: Uuid,
    account_id: Uuid,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<String, DbErr> {
    let token = key(context).token(OFFER, offer_id, account_id, 0);
    keep(context, &token, OFFER, offer_id, account_id, expires_at, now).await?;
    Ok(format!("{}/offer/{token}", context.settings.public_url))
}

/// The address at which one customer leaves the queue or joins it again, as long as the wish can be met.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn entry(
    context: &Context,
    entry_id: Uuid,
    account_id: Uuid,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<String, DbErr> {
    let token = key(context).token(ENTRY, entry_id, account_id, 0);
    keep(context, &token, ENTRY, entry_id, account_id, expires_at, now).await?;
    Ok(format!("{}/waitlist/{token}", context.settings.public_url))
}

/// The address at which one person answers one damage case: its customer, or staff after a dispute.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn damage(
    context: &Context,
    case_id: Uuid,
    account_id: Uuid,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<String, DbErr> {
    let token = key(context).token(DAMAGE, case_id, account_id, 0);
    keep(context, &token, DAMAGE, case_id, account_id, expires_at, now).await?;
    Ok(format!("{}/damage/{token}", context.settings.public_url))
}

fn key(context: &Context) -> LinkKey {
    LinkKey::new(&context.settings.link_token_key)
}

/// The row is there before the mail leaves, and the token is the same at every
/// try, so whichever try arrives, its link works. A later mail carries it again
/// and may make it last longer.
async fn keep(
    context: &Context,
    token: &str,
    scope: &str,
    subject_id: Uuid,
    account_id: Uuid,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = link::ActiveModel {
        hash: Set(hash(token).to_vec()),
        scope: Set(scope.to_owned()),
        subject_id: Set(subject_id),
        account_id: Set(account_id),
        expires_at: Set(expires_at),
        used_at: Set(None),
        created_at: Set(now),
    };
    let longer = OnConflict::column(link::Column::Hash).update_column(link::Column::ExpiresAt).to_owned();
    link::Entity::insert(row).on_conflict(longer).exec_without_returning(&context.db).await?;
    Ok(())
}
