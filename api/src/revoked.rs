//! Which sessions may not be used any more, although their access tokens are still good.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use platform::database::{PATIENCE, answered};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// For clocks that differ a little.
const MARGIN: Duration = Duration::from_secs(60);

/// The sessions that were revoked, or whose account was suspended, within the life of an access token. This process's
/// own revocations count at once, those of other fronts within a second; while the
/// database is away the set stays as it is.
#[derive(Clone, Default)]
pub struct Revoked(Arc<RwLock<HashMap<Uuid, Instant>>>);

impl Revoked {
    /// Follows the database until `stop`.
    pub(crate) fn follow(db: DatabaseConnection, token_life: Duration, stop: CancellationToken) -> Self {
        let revoked = Self::default();
        let following = revoked.clone();
        tokio::spawn(async move {
            while !stop.is_cancelled() {
                match answered(PATIENCE, recent(&db, token_life)).await {
                    Ok(sessions) => following.learn(sessions, token_life),
                    Err(error) => tracing::debug!(%error, "revoked sessions were not read"),
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
        });
        revoked
    }

    pub fn contains(&self, session: Uuid) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }

    pub fn insert(&self, session: Uuid) {
        self.write().insert(session, Instant::now());
    }

    /// Adds what the database says, and forgets those whose last access token has expired since.
    fn learn(&self, sessions: Vec<Uuid>, token_life: Duration) {
        let now = Instant::now();
        let mut known = self.write();
        known.extend(sessions.into_iter().map(|session| (session, now)));
        known.retain(|_, learnt| now.duration_since(*learnt) < token_life + MARGIN);
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<Uuid, Instant>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sessions that were revoked lately, and those of accounts that were suspended lately.
async fn recent(db: &DatabaseConnection, token_life: Duration) -> Result<Vec<Uuid>, DbErr> {
    let sql = "select id from session where revoked_at > now() - make_interval(secs => $1)
               union all
               select session.id from account join session on session.account_id = account.id and revoked_at is null
               where account.suspended_at > now() - make_interval(secs => $1)";
    let since = (token_life + MARGIN).as_secs_f64();
    let recent = Statement::from_sql_and_values(DbBackend::Postgres, sql, [since.into()]);
    db.query_all_raw(recent).await?.iter().map(|row| row.try_get("", "id")).collect()
}
