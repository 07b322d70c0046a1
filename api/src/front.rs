//! What every handler can reach.

use std::sync::Arc;

use anyhow::Context;
use jobs::{outcome::Waiters, ticket::Tickets};
use platform::{Bucket, Settings};
use sea_orm::DatabaseConnection;
use tokio_util::sync::CancellationToken;

use crate::{
    accept::Intake, password::Passwords, revoked::Revoked, settings::FrontSettings, token::Tokens, window::Windows,
};

/// The front's surroundings: one per process, shared by all requests.
pub struct Front {
    pub settings: FrontSettings,
    pub db: DatabaseConnection,
    pub bucket: Bucket,
    pub tokens: Tokens,
    pub passwords: Passwords,
    pub windows: Windows,
    pub revoked: Revoked,
    pub(crate) intake: Intake,
    pub(crate) tickets: Tickets,
    pub(crate) waiters: Waiters,
    /// Whoever waits is answered then, while there is time.
    pub(crate) stop: CancellationToken,
}

impl Front {
    /// Connects in the background; PostgreSQL and Redis may be away.
    ///
    /// # Errors
    /// When a setting is no address of the right kind.
    pub async fn start(settings: FrontSettings, stop: CancellationToken) -> anyhow::Result<Arc<Self>> {
        let shared: &Settings = &settings.shared;
        let db = platform::database::connect(shared).await.context("DATABASE_URL")?;
        let place = shared.ticket_place();
        Ok(Arc::new(Self {
            bucket: Bucket::new(&shared.bucket),
            tokens: Tokens::new(settings.access_token_key.expose(), settings.access_token_life),
            passwords: Passwords::new(settings.password_hashes)?,
            windows: Windows::start(&place.redis_url, &place.prefix).context("REDIS_URL")?,
            revoked: Revoked::follow(db.clone(), settings.access_token_life, stop.clone()),
            intake: Intake::start(db.clone()),
            tickets: Tickets::start(&place).context("REDIS_URL")?,
            waiters: Waiters::connect(&place.redis_url, &place.prefix).context("REDIS_URL")?,
            stop,
            db,
            settings,
        }))
    }
}
