//! Three small copies of a photo, from its bytes to theirs.

use std::{sync::Arc, time::Instant};

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use futures::future::try_join_all;
use workers::vision::{
    derivative::{Derivative, Variant, derive, derive_as},
    refusal::Refusal,
};

use super::{Aim, Benchmark, Metric, figure, metric, photo};
use crate::{
    figure::Figures,
    ground::Ground,
    peer::{Peer, number_after},
};

pub(super) struct Thumbs;

/// Those of the peer's script.
const SIZES_OF_THE_PEER: [Variant; 3] = [(1280, "1280"), (480, "480"), (160, "160")];

#[async_trait(?Send)]
impl Benchmark for Thumbs {
    fn name(&self) -> &'static str {
        "thumbs"
    }

    fn about(&self) -> &'static str {
        "three sizes of a 12-megapixel JPEG on all cores: 1600, 640 and 160 pixels, and the peer's 1280, 480 and 160"
    }

    fn metrics(&self) -> Vec<Metric> {
        ["rate", "rate in the peer's sizes"].map(|name| metric(name, "photos/s", Aim::Times(2.0))).into()
    }

    async fn ours(&self, ground: &Ground) -> Result<Figures> {
        let photos = Arc::new(photo::all(ground)?);
        Ok(vec![
            figure("rate", rate(ground, &photos, derive).await?),
            figure(
                "rate in the peer's sizes",
                rate(ground, &photos, |photo| derive_as(photo, SIZES_OF_THE_PEER)).await?,
            ),
        ])
    }

    async fn theirs(&self, ground: &Ground, peer: &Peer) -> Result<Option<Figures>> {
        let (folder, seconds) = (photo::folder(ground)?.display().to_string(), ground.measured.as_secs().to_string());
        let said = peer.run("thumbs.js", &[&folder, &seconds, &cores().to_string()]).await?;
        // Its better way counts.
        let rate = number_after(&said, "one decode: photos/s")?;
        Ok(Some(vec![figure("rate", rate), figure("rate in the peer's sizes", rate)]))
    }
}

/// Photos per second on all cores.
async fn rate(
    ground: &Ground,
    photos: &Arc<Vec<Vec<u8>>>,
    derive: fn(&[u8]) -> Result<Vec<Derivative>, Refusal>,
) -> Result<f64> {
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
    Ok(made as f64 / started.elapsed().as_secs_f64())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}
