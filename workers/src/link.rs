//! The links in mails, as rows that the pages look tokens up in.

use chrono::{DateTime, TimeDelta, Utc};
use entity::link;
use platform::link::{LinkKey, hash};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, sea_query::OnConflict};
use uuid::Uuid;

use crate::Context;

/// How long the page behind a link can be opened.
const LIFE: TimeDelta = TimeDelta::hours(72);

/// The address at which one recipient can decide one return.
///
/// The row is there before the mail leaves, and the token is the same at every
/// try, so whichever try arrives, its link works.
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
    let key = LinkKey::new(&context.settings.link_token_key);
    let token = key.token(platform::link::REVIEW, return_id, account_id, turn);
    let row = link::ActiveModel {
        hash: Set(hash(&token).to_vec()),
        scope: Set(platform::link::REVIEW.to_owned()),
        subject_id: Set(return_id),
        account_id: Set(account_id),
        expires_at: Set(now + LIFE),
        used_at: Set(None),
        created_at: Set(now),
    };
    let once = OnConflict::column(link::Column::Hash).do_nothing().to_owned();
    link::Entity::insert(row).on_conflict(once).exec_without_returning(&context.db).await?;
    Ok(format!("{}/review/{token}", context.settings.public_url))
}
