//! Logs: readable on a terminal, one JSON object per line elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, filter::ParseError, fmt};

/// What libraries say only where `RUST_LOG` names them. Of Redis our own lines tell once per outage, what apalis tells three times a
/// second, and as a trouble of a database.
const QUIET: &str = "info,sqlx=warn,apalis=off,apalis_core=off,apalis_redis=off,fred=warn,aws=warn";

/// Which levels `RUST_LOG` chooses, per module if wanted.
pub(crate) fn levels() -> Result<EnvFilter, ParseError> {
    let chosen = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    EnvFilter::try_new(format!("{QUIET},{chosen}"))
}

/// Starts logging to standard output. Levels that cannot be read are told with the other settings, in a log of the usual ones.
pub fn start() {
    let levels = levels().unwrap_or_else(|_| EnvFilter::new(QUIET));
    // A line that cannot be written, on a full disk for one, would be told on stderr, and that is most often the same disk:
    // `eprintln!` panics then, and whoever wanted to say something with it.
    let builder = fmt().with_env_filter(levels).log_internal_errors(false);
    let started = if std::io::stdout().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    };
    if started.is_err() {
        tracing::debug!("logging runs already");
    }
}
