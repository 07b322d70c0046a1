//! Sessions and the refresh tokens that keep them alive.

use std::time::Duration;

use entity::Word;
use rules::{account::Role, problem};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, Statement,
    Value, sea_query::Expr,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{auth::Origin, error::ApiError, front::Front, link};

/// The sessions of an account that may go on, the latest first.
pub(super) async fn own_sessions(front: &Front, account_id: Uuid) -> Result<Vec<entity::session::Model>, DbErr> {
    use entity::session::{Column, Entity};
    let alive = "expires_at > now() and last_seen_at > now() - make_interval(secs => $1)";
    Entity::find()
        .filter(Column::AccountId.eq(account_id))
        .filter(Column::RevokedAt.is_null())
        .filter(Expr::cust_with_values(alive, [front.settings.session_idle.as_secs_f64()]))
        .order_by_desc(Column::CreatedAt)
        .all(&front.db)
        .await
}

pub(super) fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

/// Opens a session and gives its id.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn open_session(
    db: &impl ConnectionTrait,
    front: &Front,
    account_id: Uuid,
    origin: &Origin,
) -> Result<Uuid, ApiError> {
    let id = Uuid::now_v7();
    db.execute_raw(statement(
        "insert into session (id, account_id, user_agent, ip, expires_at)
         values ($1, $2, $3, $4, now() + make_interval(secs => $5))",
        [
            id.into(),
            account_id.into(),
            origin.user_agent.clone().into(),
            origin.ip.clone().into(),
            front.settings.session_life.as_secs_f64().into(),
        ],
    ))
    .await?;
    Ok(id)
}

/// A session that may go on, and whose it is.
#[derive(FromQueryResult)]
pub(super) struct LiveSession {
    pub(super) id: Uuid,
    pub(super) account_id: Uuid,
    pub(super) role: Word<Role>,
}

/// Writes down a refresh token of a session, by its hash.
pub(super) async fn keep(db: &impl ConnectionTrait, refresh_token: &str, session: Uuid) -> Result<(), DbErr> {
    let sql = "insert into refresh_token (hash, session_id, created_at) values ($1, $2, now())";
    db.execute_raw(statement(sql, [hash(refresh_token).into(), session.into()])).await?;
    Ok(())
}

/// The token that follows the one with this hash. Derived and not drawn, so that whoever lost the answer can get it again
/// although only hashes are kept.
pub(super) fn successor(front: &Front, used: &[u8], session: &LiveSession) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&used[..16]);
    link::key(front).token("refresh", Uuid::from_bytes(bytes), session.account_id, 0)
}

/// Marks a refresh token used, if it is unused and its session alive: one statement, so that of two
/// uses at the same instant only one succeeds.
pub(super) async fn use_up(
    db: &impl ConnectionTrait,
    hash: &[u8],
    idle: Duration,
) -> Result<Option<LiveSession>, DbErr> {
    let sql = "with used as (
                   update refresh_token set used_at = now() where hash = $1 and used_at is null returning session_id
               )
               update session set last_seen_at = now() from used, account
               where session.id = used.session_id and session.revoked_at is null and session.expires_at > now()
                 and session.last_seen_at > now() - make_interval(secs => $2)
                 and account.id = session.account_id and account.suspended_at is null
               returning session.id, session.account_id, account.role";
    let values = [hash.to_vec().into(), idle.as_secs_f64().into()];
    LiveSession::find_by_statement(statement(sql, values)).one(db).await
}

/// The session of a token that was used within the last ten seconds, and the token that followed it, while that one is unused:
/// the answer was lost, or two windows of one browser asked at once.
///
/// Only the last token of a session can be repeated, so that a thief gains nothing by an old one.
pub(super) async fn used_just_now(front: &Front, used: &[u8]) -> Result<Option<(LiveSession, String)>, DbErr> {
    let sql = "select session.id, session.account_id, account.role
               from refresh_token join session on session.id = session_id join account on account.id = account_id
               where hash = $1 and used_at > now() - interval '10 seconds'
                 and revoked_at is null and session.expires_at > now() and suspended_at is null";
    let session = LiveSession::find_by_statement(statement(sql, [used.to_vec().into()])).one(&front.db).await?;
    let Some(session) = session else { return Ok(None) };
    let next = successor(front, used, &session);
    let token = entity::refresh_token::Entity::find_by_id(hash(&next)).one(&front.db).await?;
    Ok(token.filter(|token| token.used_at.is_none()).map(|_| (session, next)))
}

/// Why a refresh token got nothing. One that was used before revokes its whole session.
pub(super) async fn explain_unusable(front: &Front, hash: &[u8]) -> Result<ApiError, ApiError> {
    let token = entity::refresh_token::Entity::find_by_id(hash.to_vec()).one(&front.db).await?;
    let Some(token) = token.filter(|token| token.used_at.is_some()) else {
        return Ok(ApiError::new(problem::REFRESH_INVALID, "Log in again."));
    };
    revoke(&front.db, token.session_id).await?;
    front.revoked.insert(token.session_id);
    tracing::warn!(session = %token.session_id, "a refresh token was used twice; its session is closed");
    Ok(ApiError::new(problem::REFRESH_REUSED, "Somebody used this token before you. Log in again."))
}

async fn revoke(db: &impl ConnectionTrait, session: Uuid) -> Result<(), DbErr> {
    let sql = "update session set revoked_at = now() where id = $1 and revoked_at is null";
    db.execute_raw(statement(sql, [session.into()])).await?;
    Ok(())
}

/// Closes all sessions of an account.
pub(super) async fn close_all(front: &Front, account_id: Uuid) -> Result<(), ApiError> {
    let sql = "update session set revoked_at = now() where account_id = $1 and revoked_at is null returning id";
    for closed in front.db.query_all_raw(statement(sql, [account_id.into()])).await? {
        front.revoked.insert(closed.try_get("", "id")?);
    }
    Ok(())
}

/// Closes one of an account's own sessions. `false`: it has no such session.
pub(super) async fn close(front: &Front, account_id: Uuid, session: Uuid) -> Result<bool, ApiError> {
    let sql = "update session set revoked_at = coalesce(revoked_at, now()) where id = $1 and account_id = $2";
    let closed = front.db.execute_raw(statement(sql, [session.into(), account_id.into()])).await?;
    let own = closed.rows_affected() == 1;
    if own {
        front.revoked.insert(session);
    }
    Ok(own)
}
