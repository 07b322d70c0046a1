use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::platform::Platform;

/// Starts a platform and keeps it running until Ctrl-C, SIGTERM or SIGHUP, then
/// ends it in good order. A second signal does not wait for the good order.
///
/// # Errors
/// The start fails.
pub async fn until_told_to_end(start: impl Future<Output = Result<Platform>>) -> Result<()> {
    let platform = tokio::select! {
        platform = start => platform?,
        told = told_to_end() => return told,
    };
    told_to_end().await?;
    eprintln!("\nEnding …");
    tokio::select! {
        () = platform.stop() => Ok(()),
        told = told_to_end() => told,
    }
}

async fn told_to_end() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}
