//! Boots the whole platform on this machine and plays a story against it.

use anyhow::Result;
use clap::Parser;
use dev::{Flags, Platform};

/// Runs all of Forecourt on this machine and shows what it does
#[derive(Parser)]
#[command(name = "bin/demo")]
struct Arguments {
    #[command(flatten)]
    flags: Flags,

    /// End after the story, with status 0 only if every step happened
    #[arg(long)]
    exit: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { flags, exit } = Arguments::parse();
    let options = flags.options()?;
    if exit {
        let platform = Platform::start(options).await?;
        platform.stop().await;
        return Ok(());
    }
    dev::until_told_to_end(async {
        let platform = Platform::start(options).await?;
        println!("{}", platform.banner()?);
        Ok(platform)
    })
    .await
}
