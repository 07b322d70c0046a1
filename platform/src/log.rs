//! Logs: readable on a terminal, one JSON object per line elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

/// What libraries say only where `RUST_LOG` names them. Of Redis our own lines tell once per outage, what apalis tells three times a
/// second, and as a trouble of a database.
const QUIET: &str = "info,sqlx=warn,apalis=off,apalis_core=off,apalis_redis=off,fred=warn,aws=warn";

/// Starts logging to standard output. `RUST_LOG` chooses levels, per module if wanted.
pub fn start() {
    let chosen = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let filter = EnvFilter::try_new(format!("{QUIET},{chosen}")).unwrap_or_else(|_| EnvFilter::new(QUIET));
    let builder = fmt().with_env_filter(filter);
    let started = if std::io::stdout().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    };
    if started.is_err() {
        tracing::debug!("logging runs already");
    }
}
