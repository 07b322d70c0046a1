//! Boots the whole platform on this machine and keeps it running.

use anyhow::Result;
use clap::Parser;
use dev::{Flags, Platform};

/// Runs all of Forecourt on this machine until Ctrl-C
#[derive(Parser)]
#[command(name = "bin/dev")]
struct Arguments {
    #[command(flatten)]
    flags: Flags,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Arguments::parse().flags.options()?;
    dev::until_told_to_end(async {
        let platform = Platform::start(options).await?;
        println!("{}", platform.banner()?);
        Ok(platform)
    })
    .await
}
