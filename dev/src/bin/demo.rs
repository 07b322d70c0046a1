//! Boots the whole platform on this machine and plays a story against it.

// The future of a whole boot nests deeper than the optimiser looks by default.
#![recursion_limit = "256"]

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use dev::{Flags, Platform, story};

/// Runs all of Forecourt on this machine and shows what it does
#[derive(Parser)]
#[command(name = "bin/demo", version)]
struct Arguments {
    #[command(flatten)]
    flags: Flags,

    /// End after the story; the status is 0 only if every step happened
    #[arg(long)]
    exit: bool,

    /// Use front.jpg, back.jpg, left.jpg and right.jpg of this folder instead of drawn pictures,
    /// and the detector of models/damage.onnx, which was trained on photos
    #[arg(long, value_name = "DIR")]
    photos: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { flags, exit, photos } = Arguments::parse();
    let photos = photos.map_or(story::Photos::Drawn, story::Photos::Folder);
    if exit {
        return match told(flags, &photos).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    dev::until_told_to_end(async {
        let platform = boot(flags, &photos).await?;
        if let Err(error) = story::play(&platform, &photos).await {
            eprintln!("the story stopped: {error:#}");
        }
        println!("\nStill running; Ctrl-C ends it.\n{}", platform.banner()?);
        Ok(platform)
    })
    .await
}

async fn told(flags: Flags, photos: &story::Photos) -> anyhow::Result<()> {
    let platform = boot(flags, photos).await?;
    let played = story::play(&platform, photos).await;
    platform.stop().await;
    played
}

/// The platform with an admin whose password the story knows. Unless another detector is given, drawn
/// pictures get the one for drawn damage, and real photos the project's own.
async fn boot(flags: Flags, photos: &story::Photos) -> anyhow::Result<Platform> {
    photos.look()?;
    let mut options = flags.options()?;
    if options.admin_password.is_none() {
        options.admin_email = Some(format!("admin.{:08x}@example.com", rand::random::<u32>()));
        options.admin_password = Some(format!("{:032x}", rand::random::<u128>()));
    }
    if dev::variable("DAMAGE_MODEL")?.is_none() && matches!(photos, story::Photos::Drawn) {
        let model = story::write_tiny_model(&options.data_dir.join("model"))?;
        options.env.push(("DAMAGE_MODEL".to_owned(), model.display().to_string()));
    }
    for (name, seconds) in story::short_offers() {
        if dev::variable(&name)?.is_none() {
            options.env.push((name, seconds));
        }
    }
    println!("Booting the platform …");
    let platform = Platform::start(options).await?;
    println!("{}", platform.banner()?);
    Ok(platform)
}
