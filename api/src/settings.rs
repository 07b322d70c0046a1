//! The front's own settings, on top of what every process needs.

use std::{net::SocketAddr, time::Duration};

use platform::settings::{Reader, Secret, Settings};

/// Everything the front is configured with.
#[derive(Clone, Debug)]
pub struct FrontSettings {
    pub shared: Settings,
    /// `HTTP_LISTEN`.
    pub listen: SocketAddr,
    /// `PROXIES`: how many of ours pass a request on, one behind the other, each adding to `X-Forwarded-For` whom it answers.
    pub proxies: usize,
    /// `ACCESS_TOKEN_KEY`: signs access tokens; all fronts share it.
    pub access_token_key: Secret<[u8; 32]>,
    /// `ACCESS_TOKEN_MINUTES`: how long one is good for.
    pub access_token_life: Duration,
    /// `REFRESH_TOKEN_DAYS`: how long an unused session lives.
    pub session_idle: Duration,
    /// `SESSION_DAYS`: how long any session lives.
    pub session_life: Duration,
    /// `PASSWORD_HASHES`: how many passwords are hashed at a time; each takes 19 MiB.
    pub password_hashes: usize,
    /// `REGISTRATIONS_PER_HOUR`: from one client address; 0 sets no limit.
    pub registrations_per_hour: u32,
    /// `DEFAULT_WAIT_MILLISECONDS`: how long a write waits for its outcome unless `Prefer` says otherwise.
    pub default_wait: Duration,
    /// `CORS_ORIGINS`: comma-separated; empty allows none.
    pub cors_origins: Vec<String>,
    /// `DEV_MAIL_URL`: where the development inbox is shown; absent in production.
    pub dev_mail_url: Option<String>,
}

/// No `Prefer: wait=` is longer than this.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// JSON bodies beyond this are refused.
pub const BODY_LIMIT: usize = 1 << 20;

impl FrontSettings {
    /// # Errors
    /// Names every setting that is wrong.
    pub fn from_env() -> anyhow::Result<Self> {
        let mut reader = Reader::default();
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let settings = Self {
            shared: Settings::read(&mut reader),
            listen: reader.or("HTTP_LISTEN", SocketAddr::from(([127, 0, 0, 1], 8080))),
            proxies: reader.within("PROXIES", 0..=16, 0),
            access_token_key: reader.key("ACCESS_TOKEN_KEY"),
            access_token_life: Duration::from_secs(60 * reader.within("ACCESS_TOKEN_MINUTES", 1..=1_440, 10)),
            session_idle: days(reader.within("REFRESH_TOKEN_DAYS", 1..=3_650, 7)),
            session_life: days(reader.within("SESSION_DAYS", 1..=3_650, 30)),
            password_hashes: reader.within("PASSWORD_HASHES", 1..=1_024, 2),
            registrations_per_hour: reader.within("REGISTRATIONS_PER_HOUR", 0..=1_000_000, 20),
            default_wait: Duration::from_millis(reader.within(
                "DEFAULT_WAIT_MILLISECONDS",
                0..=LONGEST_WAIT.as_millis() as u64,
                2_000,
            )),
            cors_origins: reader.origins("CORS_ORIGINS"),
            dev_mail_url: reader.optional("DEV_MAIL_URL"),
        };
        reader.finish()?;
        Ok(settings)
    }

    /// The front as tests want it, over settings that a test made.
    pub fn with_defaults(shared: Settings) -> Self {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        Self {
            shared,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            proxies: 0,
            access_token_key: Secret::new([9; 32]),
            access_token_life: Duration::from_secs(600),
            session_idle: days(7),
            session_life: days(30),
            password_hashes: 2,
            // All of a test come from one address.
            registrations_per_hour: 0,
            default_wait: Duration::from_secs(2),
            cors_origins: Vec::new(),
            dev_mail_url: None,
        }
    }
}
