use std::process::ExitCode;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::platform::Platform;

/// Starts a platform and keeps it running until Ctrl-C, SIGTERM or SIGHUP, then
/// ends it in good order. A second signal does not wait for the good order.
/// What goes wrong is told on the terminal.
pub async fn until_told_to_end(start: impl Future<Output = Result<Platform>>) -> ExitCode {
    match run(start).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // For the person at the terminal: a backtrace would bury the reason.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(start: impl Future<Output = Result<Platform>>) -> Result<()> {
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
