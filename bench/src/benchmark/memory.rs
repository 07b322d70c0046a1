//! How much memory each process of the whole platform holds, idle and at its peak.

use anyhow::{Context, Result};
use async_trait::async_trait;
use dev::{Options, Platform, Process, story};

use super::{Aim, Benchmark, Metric, figure, metric};
use crate::{
    figure::Figures,
    ground::Ground,
    peer::Peer,
    running::{free_address, megabytes},
};

pub(super) struct Memory;

/// The processes, and below what they should stay when nothing happens.
const IDLE: [(&str, &str, Aim); 7] = [
    ("api", "api idle", Aim::AtMost(40.0)),
    ("booking", "booking idle", Aim::AtMost(40.0)),
    ("waitlist", "waitlist idle", Aim::AtMost(40.0)),
    ("notify", "notify idle", Aim::AtMost(40.0)),
    ("thumbnail", "thumbnail idle", Aim::None),
    ("damage", "damage idle", Aim::None),
    ("clock", "clock idle", Aim::AtMost(40.0)),
];
const PEAK: [&str; 7] =
    ["api peak", "booking peak", "waitlist peak", "notify peak", "thumbnail peak", "damage peak", "clock peak"];

#[async_trait(?Send)]
impl Benchmark for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn about(&self) -> &'static str {
        "resident memory of each process: idle, and its peak through the story of the demo (photos, model, mails)"
    }

    fn metrics(&self) -> Vec<Metric> {
        let idle = IDLE.iter().map(|(_, name, aim)| metric(name, "MB", *aim));
        idle.chain(PEAK.iter().map(|name| metric(name, "MB", Aim::None))).collect()
    }

    async fn ours(&self, ground: &Ground) -> Result<Figures> {
        let folder = ground.data_dir.folder("memory")?;
        let model = story::write_tiny_model(&folder.join("model"))?;
        let platform = Platform::start(Options {
            port: free_address()?.port(),
            admin_email: Some("admin@example.com".to_owned()),
            admin_password: Some("a pass phrase for measuring".to_owned()),
            console: dev::Console::Silent,
            env: story::short_offers()
                .into_iter()
                .chain([("DAMAGE_MODEL".to_owned(), model.display().to_string())])
                .collect(),
            ..Options::new(folder)?
        })
        .await?;
        let measured = measure(&platform).await;
        platform.stop().await;
        measured
    }

    async fn theirs(&self, _: &Ground, peer: &Peer) -> Result<Option<Figures>> {
        let address = free_address()?;
        let mut server = peer.serve("server.js", address.port()).await?;
        server.ready(address, Some("/health")).await?;
        let worker = peer.serve("worker.js", 0).await?;
        tokio::time::sleep(SETTLED).await;
        let figures =
            vec![figure("api idle", server.megabytes("VmRSS")?), figure("booking idle", worker.megabytes("VmRSS")?)];
        worker.stop().await?;
        server.stop().await?;
        Ok(Some(figures))
    }

    fn once(&self) -> bool {
        true
    }
}

/// After this long a process has opened what it opens at its start.
const SETTLED: std::time::Duration = std::time::Duration::from_secs(3);

async fn measure(platform: &Platform) -> Result<Figures> {
    tokio::time::sleep(SETTLED).await;
    let pid = |name| platform.process(name).and_then(Process::pid).with_context(|| format!("{name} does not run"));
    let mut figures = Vec::new();
    for (process, name, _) in IDLE {
        figures.push(figure(name, megabytes(pid(process)?, "VmRSS")?));
    }
    story::play(platform, &story::Photos::Drawn).await?;
    for ((process, ..), name) in IDLE.into_iter().zip(PEAK) {
        figures.push(figure(name, megabytes(pid(process)?, "VmHWM")?));
    }
    Ok(figures)
}
