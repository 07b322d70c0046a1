//! Boots the whole platform on this machine and plays a story against it.

use std::process::ExitCode;

use clap::Parser;
use dev::{Flags, Platform};

/// Runs all of Forecourt on this machine and shows what it does
#[derive(Parser)]
#[command(name = "bin/demo")]
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
