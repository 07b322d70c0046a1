//! Logs: readable on a terminal, one JSON object per line elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging to standard output. `RUST_LOG` chooses levels, per module if wanted.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new("info,sqlx=warn,apalis=warn,apalis_core=warn,apalis_redis=warn,fred=warn,aws=warn")
    });
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
