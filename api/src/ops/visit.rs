//! An admin's visit to `/ops`: a session like any other, in a cookie that only this page gets.

use std::time::Duration;

use chrono::Utc;
use platform::link::{LinkKey, hash};
use poem::{
    Request, Response,
    http::{HeaderValue, header},
};
use rules::{
    account::{Role, Scope},
    problem,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use crate::{error::ApiError, front::Front};

const COOKIE: &str = "forecourt-ops";
/// Without a visit for so long, the login ends.
const LIFE: Duration = Duration::from_secs(15 * 60);

/// An admin who is logged in here.
pub(super) struct Visit {
    pub(super) account_id: Uuid,
    pub(super) session_id: Uuid,
}

/// # Errors
/// `forbidden` for everybody but admins.
pub(super) fn may(role: Role) -> Result<(), ApiError> {
    if role.may(Scope::JobsManage) {
        return Ok(());
    }
    Err(ApiError::new(problem::FORBIDDEN, "This page is for admins."))
}

fn key(front: &Front) -> LinkKey {
    LinkKey::new(&front.settings.shared.link_token_key)
}

/// Minutes since 1970, in which a cookie's end is told.
fn minute(after: Duration) -> i32 {
    let seconds = Utc::now().timestamp() + i64::try_from(after.as_secs()).unwrap_or(0);
    i32::try_from(seconds / 60).unwrap_or(i32::MAX)
}

impl Visit {
    /// Who visits, if the cookie is ours, its session open and its account still an admin's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn of(front: &Front, request: &Request) -> Result<Option<Self>, ApiError> {
        let Some(visit) = cookie(request).and_then(|cookie| Self::read(front, cookie)) else { return Ok(None) };
        let session = entity::session::Entity::find_by_id(visit.session_id)
            .filter(entity::session::Column::AccountId.eq(visit.account_id))
            .filter(entity::session::Column::RevokedAt.is_null())
            .filter(Expr::cust("expires_at > now()"));
        if session.one(&front.db).await?.is_none() {
            return Ok(None);
        }
        let account = entity::account::Entity::find_by_id(visit.account_id).one(&front.db).await?;
        let admin = account.is_some_and(|account| !account.is_suspended() && may(account.role.0).is_ok());
        Ok(admin.then_some(visit))
    }

    fn seal(&self, front: &Front, until: i32) -> String {
        key(front).token("ops", self.session_id, self.account_id, until)
    }

    fn read(front: &Front, cookie: &str) -> Option<Self> {
        let mut parts = cookie.split('.');
        let visit = Self { session_id: parts.next()?.parse().ok()?, account_id: parts.next()?.parse().ok()? };
        let until = parts.next()?.parse().ok()?;
        // Compared by their hashes, so that the time it takes tells nothing.
        let sealed = hash(&visit.seal(front, until)) == hash(parts.next()?);
        (sealed && until > minute(Duration::ZERO)).then_some(visit)
    }

    /// Lets the browser come back for a quarter of an hour from now.
    pub(super) fn remember(&self, response: Response, front: &Front) -> Response {
        let until = minute(LIFE);
        let value = format!("{}.{}.{until}.{}", self.session_id, self.account_id, self.seal(front, until));
        set_cookie(response, front, &value, LIFE.as_secs())
    }

    pub(super) fn forget(response: Response, front: &Front) -> Response {
        set_cookie(response, front, "", 0)
    }

    /// Closes the session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn end(&self, front: &Front) -> Result<(), ApiError> {
        entity::session::Entity::update_many()
            .col_expr(entity::session::Column::RevokedAt, Expr::cust("now()"))
            .filter(entity::session::Column::Id.eq(self.session_id))
            .exec(&front.db)
            .await?;
        front.revoked.insert(self.session_id);
        Ok(())
    }

    /// What the buttons of this visit carry.
    pub(super) fn csrf(&self, front: &Front) -> String {
        key(front).token("csrf-ops", self.session_id, self.account_id, 0)
    }

    pub(super) fn is_csrf(&self, front: &Front, given: &str) -> bool {
        hash(&self.csrf(front)) == hash(given)
    }
}

fn cookie(request: &Request) -> Option<&str> {
    let cookies = request.headers().get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

fn set_cookie(mut response: Response, front: &Front, value: &str, seconds: u64) -> Response {
    let secure = if front.settings.shared.public_url.starts_with("https://") { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={value}; Path=/ops; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
