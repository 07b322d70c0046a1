//! Boots the whole platform on this machine and keeps it running.

// The future of a whole boot nests deeper than the optimiser looks by default.
#![recursion_limit = "256"]

use std::process::ExitCode;

use clap::Parser;
use dev::{Flags, Platform};

/// Runs all of Forecourt on this machine until Ctrl-C
#[derive(Parser)]
#[command(name = "bin/dev", version)]
struct Arguments {
    #[command(flatten)]
    flags: Flags,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { flags } = Arguments::parse();
    dev::until_told_to_end(async {
        let platform = Platform::start(flags.options()?).await?;
        println!("{}", platform.banner()?);
        Ok(platform)
    })
    .await
}
