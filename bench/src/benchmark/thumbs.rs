//! Three small copies of a photo, from its bytes to theirs.

use std::time::Instant;

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use futures::future::try_join_all;
use workers::vision::derivative::derive;

use super::{Aim, Benchmark, Metric, figure, metric, photo};
use crate::{
    figure::Figures,
    ground::Ground,
    peer::{Peer, number_after},
};

pub(super) struct Thumbs;

#[async_trait(?Send)]
impl Benchmark for Thumbs {
    fn name(&self) -> &'static str {
        "thumbs"
    }

    fn about(&self) -> &'static str {
        "three sizes of a 12-megapixel JPEG on all cores (1600, 640, 160 pixels; the peer's are 1280, 480, 160)"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![metric("rate", "photos/s", Aim::Times(2.0))]
    }

    async fn ours(&self, ground: &Ground) -> Result<Figures> {
        let photos = std::sync::Arc::new(photo::all(ground)?);
        let (started, end) = (Instant::now(), Instant::now() + ground.measured);
        let lanes = (0..cores()).map(|lane| {
            let photos = photos.clone();
            tokio::task::spawn_blocking(move || {
                let mut made = 0;
                while Instant::now() < end {
                    derive(&photos[(lane + made) % photos.len()]).map_err(|refusal| anyhow!(refusal.words))?;
                    made += 1;
                }
                anyhow::Ok(made)
            })
        });
        let made: usize = try_join_all(lanes).await?.into_iter().sum::<Result<usize>>()?;
        Ok(vec![figure("rate", made as f64 / started.elapsed().as_secs_f64())])
    }

    async fn theirs(&self, ground: &Ground, peer: &Peer) -> Result<Option<Figures>> {
        let (folder, seconds) = (photo::folder(ground)?.display().to_string(), ground.measured.as_secs().to_string());
        let said = peer.run("thumbs.js", &[&folder, &seconds, &cores().to_string()]).await?;
        // Its better way counts.
        Ok(Some(vec![figure("rate", number_after(&said, "one decode: photos/s")?)]))
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}
