//! Exports what people decided on returns, as a folder that `models/train` learns from.

use std::path::PathBuf;

use clap::Parser;
use platform::{Bucket, Settings, settings::Reader};
use workers::damage::teaching;

/// Exports what people decided on returns: `images/` and `annotations.json` (COCO), for `train.py --extra DIR`.
///
/// Reads the settings of a worker: DATABASE_URL and S3_* above all.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The folder to write; made when it is not there.
    #[arg(long)]
    out: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut reader = Reader::default();
    let settings = Settings::read(&mut reader);
    reader.finish()?;
    let db = platform::database::connect(&settings).await?;
    let taught = teaching::write(&db, &Bucket::new(&settings.bucket), &arguments.out).await?;
    println!("{} photos with {} marks; {} photos left out", taught.photos, taught.marks, taught.left_out);
    Ok(())
}
