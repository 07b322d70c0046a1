//! Logging in and out. The front writes sessions itself: asking who is there is its own business.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};
use rules::{
    account::{Email, Role},
    problem,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, TransactionTrait};
use uuid::Uuid;
use view::account::Session;

use super::session::{
    LiveSession, close, close_all, explain_unusable, hash, keep, open_session, own_sessions, successor, use_up,
    used_just_now,
};
use crate::{
    Tag,
    auth::{Caller, Origin, ProfileRead, ProfileWrite},
    error::ApiError,
    front::Front,
    guess,
    shape::Shaped,
};

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Credentials {
    #[oai(validator(max_length = 254))]
    email: String,
    #[oai(validator(max_length = 1024))]
    password: String,
}

#[derive(Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct Refresh {
    #[oai(validator(max_length = 100))]
    refresh_token: String,
}

/// A pair of tokens. The access token speaks for you for a few minutes; the refresh
/// token gets you the next pair, once.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct TokenPair {
    access_token: String,
    refresh_token: String,
    /// Always `Bearer`.
    token_type: String,
    /// Seconds for which the access token is good.
    expires_in: u64,
}

#[derive(ApiResponse)]
enum LoggedIn {
    /// A new pair of tokens.
    #[oai(status = 200)]
    Pair(Json<TokenPair>, #[oai(header = "Cache-Control")] String),
}

#[derive(ApiResponse)]
enum LoggedOut {
    /// The session is closed.
    #[oai(status = 204)]
    Closed,
}

#[derive(Debug, Object)]
struct Sessions {
    items: Vec<Session>,
}

pub struct LoginApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Accounts")]
impl LoginApi {
    /// Log in
    ///
    /// The answer takes as long and says the same whether the address is unknown or the password is wrong. After ten wrong
    /// passwords for one address within a quarter of an hour it is `429 rate_limited`.
    #[oai(path = "/auth/login", method = "post", operation_id = "login")]
    async fn login(
        &self,
        front: Data<&Arc<Front>>,
        origin: Origin,
        Shaped(body): Shaped<Credentials>,
    ) -> Result<LoggedIn, ApiError> {
        let (account_id, role) = authenticate(&front, &body.email, body.password).await?;
        let refresh_token = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let tx = front.db.begin().await?;
        let id = open_session(&tx, &front, account_id, &origin).await?;
        keep(&tx, &refresh_token, id).await?;
        tx.commit().await?;
        pair(&front, &LiveSession { id, account_id, role: role.into() }, refresh_token)
    }

    /// Refresh
    ///
    /// Gives a new pair for a refresh token, which is used up. Repeated within ten seconds it gives the same refresh token again,
    /// because the answer may have been lost. A token that was used before that closes its session: somebody else has it.
    #[oai(path = "/auth/refresh", method = "post", operation_id = "refresh")]
    async fn refresh(&self, front: Data<&Arc<Front>>, Shaped(body): Shaped<Refresh>) -> Result<LoggedIn, ApiError> {
        let used = hash(&body.refresh_token);
        let tx = front.db.begin().await?;
        if let Some(session) = use_up(&tx, &used, front.settings.session_idle).await? {
            let next = successor(&front, &used, &session);
            keep(&tx, &next, session.id).await?;
            tx.commit().await?;
            return pair(&front, &session, next);
        }
        drop(tx);
        match used_just_now(&front, &used).await? {
            Some((session, next)) => pair(&front, &session, next),
            None => Err(explain_unusable(&front, &used).await?),
        }
    }

    /// Log out
    ///
    /// Closes the session that the refresh token belongs to, or else the one that asks; its access tokens stop working.
    #[oai(path = "/auth/logout", method = "post", operation_id = "logout")]
    async fn logout(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ProfileWrite>,
        Shaped(body): Shaped<Refresh>,
    ) -> Result<LoggedOut, ApiError> {
        let token = entity::refresh_token::Entity::find_by_id(hash(&body.refresh_token)).one(&front.db).await?;
        let named = token.map_or(caller.session_id, |token| token.session_id);
        if !close(&front, caller.account_id, named).await? {
            // Somebody else's.
            close(&front, caller.account_id, caller.session_id).await?;
        }
        Ok(LoggedOut::Closed)
    }

    /// List my devices
    #[oai(path = "/me/sessions", method = "get", operation_id = "listSessions")]
    async fn sessions(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ProfileRead>,
    ) -> Result<Json<Sessions>, ApiError> {
        let sessions = own_sessions(&front, caller.account_id).await?;
        Ok(Json(Sessions { items: sessions.into_iter().map(Session::from).collect() }))
    }

    /// Log a device out
    ///
    /// Done at once; repeated it is answered the same, so it takes no `Idempotency-Key`.
    #[oai(path = "/me/sessions/:id", method = "delete", operation_id = "closeSession")]
    async fn close_session(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ProfileWrite>,
        id: Path<Uuid>,
    ) -> Result<LoggedOut, ApiError> {
        if close(&front, caller.account_id, id.0).await? { Ok(LoggedOut::Closed) } else { Err(ApiError::not_found()) }
    }

    /// Log all my devices out
    #[oai(path = "/me/sessions", method = "delete", operation_id = "closeSessions")]
    async fn close_all(&self, front: Data<&Arc<Front>>, caller: Caller<ProfileWrite>) -> Result<LoggedOut, ApiError> {
        close_all(&front, caller.account_id).await?;
        Ok(LoggedOut::Closed)
    }
}

/// Who logs in. Unknown address and wrong password look and take the same.
///
/// # Errors
/// `invalid_credentials`, `rate_limited` after many of these, or `suspended` once the password was right.
pub(crate) async fn authenticate(front: &Front, email: &str, password: String) -> Result<(Uuid, Role), ApiError> {
    use entity::account::{Column, Entity};
    let (account, guess) = match Email::new(email) {
        Ok(email) => {
            let account = Entity::find().filter(Column::Email.eq(email.as_str())).one(&front.db).await?;
            (account, guess::begin(&front.windows, &email).await?)
        }
        Err(_) => (None, None),
    };
    let stored = account.as_ref().map(|account| account.password_hash.clone());
    let right = front.passwords.verify(password, stored).await;
    // Right, or nobody knows because too many logins wait.
    if let Some(guess) = guess.filter(|_| !matches!(right, Ok(false))) {
        front.windows.forget(guess);
    }
    let wrong = || ApiError::new(problem::INVALID_CREDENTIALS, "Check the address and the password and try again.");
    let account = right?.then_some(account).flatten().ok_or_else(wrong)?;
    if account.is_suspended() {
        return Err(ApiError::new(problem::SUSPENDED, "Please contact the branch."));
    }
    Ok((account.id, account.role.0))
}

fn pair(front: &Front, session: &LiveSession, refresh_token: String) -> Result<LoggedIn, ApiError> {
    let pair = TokenPair {
        access_token: front.tokens.issue(session.account_id, session.id, session.role.0)?,
        refresh_token,
        token_type: "Bearer".to_owned(),
        expires_in: front.tokens.life(),
    };
    Ok(LoggedIn::Pair(Json(pair), "no-store".to_owned()))
}
