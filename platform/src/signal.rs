//! When to stop.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by the first SIGTERM or Ctrl-C. The second one ends the process at once;
/// leases then recover what it held.
///
/// # Errors
/// When the process may not listen to signals.
pub fn stop_token() -> std::io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let first = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if first.is_cancelled() {
                std::process::exit(130);
            }
            // Before anything is said: a log that cannot be written must not keep the process.
            first.cancel();
            tracing::info!("stopping");
        }
    });
    Ok(stop)
}
