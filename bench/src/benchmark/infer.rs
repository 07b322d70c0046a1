//! Looking for damage: from the bytes of a photo to boxes, the whole and four tiles.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use async_trait::async_trait;
use serde_json::json;
use workers::vision::{
    decode::upright_from,
    detector::{Detector, PATIENCE, Settings},
    tile::views,
};

use super::{Aim, Benchmark, Metric, figure, metric, photo};
use crate::{
    figure::Figures,
    ground::Ground,
    peer::{Peer, number_after},
};

pub(super) struct Infer;

/// Of one photo, on both sides; it is what the peer's script asks for.
const THREADS: usize = 2;

#[async_trait(?Send)]
impl Benchmark for Infer {
    fn name(&self) -> &'static str {
        "infer"
    }

    fn about(&self) -> &'static str {
        "damage inference on 12-megapixel JPEGs, one worker of two threads: the whole photo and four tiles; \
         decoding and scaling, with the shipped model and card on one thread"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![metric("rate", "photos/s", Aim::Times(1.3)), metric("beside the model", "%", Aim::AtMost(15.0))]
    }

    async fn ours(&self, ground: &Ground) -> Result<Figures> {
        let (photos, (model, card), measured) = (photo::all(ground)?, files(ground)?, ground.measured);
        let looking = tokio::task::spawn_blocking(move || {
            let detector = loaded(&model, &card, THREADS)?;
            let views = views(photo::WIDTH, photo::WIDTH * 3 / 4, detector.card().tiles).len();
            anyhow::ensure!(views == 5, "{views} views instead of the peer's five");
            let (rate, _) = look(&detector, &photos, measured)?;
            let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/damage.onnx");
            let (_, beside) = look(&loaded(&shipped, &shipped.with_extension("json"), 1)?, &photos, measured)?;
            Ok(vec![figure("rate", rate), figure("beside the model", beside)])
        });
        looking.await?
    }

    async fn theirs(&self, ground: &Ground, peer: &Peer) -> Result<Option<Figures>> {
        let (model, _) = files(ground)?;
        let (model, folder) = (model.display().to_string(), photo::folder(ground)?.display().to_string());
        let seconds = ground.measured.as_secs().to_string();
        let said = peer.run("infer.js", &[&model, &folder, &seconds, "2"]).await?;
        Ok(Some(vec![figure("rate", number_after(&said, "photos/s")?)]))
    }
}

fn loaded(model: &Path, card: &Path, threads: usize) -> Result<Detector> {
    let settings = Settings { runtime: None, threads, patience: PATIENCE };
    Detector::load(model, card, &settings).map_err(|error| anyhow!(error.reason))
}

/// Photos per second, and what is not the model's of the time that they take, in percent.
fn look(detector: &Detector, photos: &[Vec<u8>], measured: Duration) -> Result<(f64, f64)> {
    let (started, mut seen, mut in_model) = (Instant::now(), 0, Duration::ZERO);
    while started.elapsed() < measured {
        let picture = upright_from(&photos[seen % photos.len()], detector.long_side());
        let picture = picture.map_err(|refusal| anyhow!(refusal.words))?;
        let found = detector.detect(&picture).map_err(|error| anyhow!(error.reason))?;
        seen += 1;
        in_model += Duration::from_millis(found.model_millis);
    }
    let took = started.elapsed().as_secs_f64();
    Ok((seen as f64 / took, 100.0 * (1.0 - in_model.as_secs_f64() / took)))
}

/// The model, and a card of ours that asks for as many looks as the peer's two-by-two grid.
fn files(ground: &Ground) -> Result<(PathBuf, PathBuf)> {
    let folder = ground.data_dir.folder("model")?;
    let tiny = dev::story::write_tiny_model(&folder)?;
    let described = ground.model.as_deref().unwrap_or(&tiny).with_extension("json");
    let mut card: serde_json::Value = match std::fs::read(&described) {
        Ok(bytes) => serde_json::from_slice(&bytes)?,
        Err(_) => coco(),
    };
    card["tiles"] = json!({ "size": 0.6, "overlap": 0.2 });
    let path = folder.join("bench.json");
    std::fs::write(&path, card.to_string()).with_context(|| path.display().to_string())?;
    Ok((ground.model.clone().unwrap_or(tiny), path))
}

/// What a YOLOX as it is published wants: 416 pixels and the 80 classes of COCO.
fn coco() -> serde_json::Value {
    let classes: Vec<String> = (0..80).map(|class| format!("class {class}")).collect();
    json!({
        "name": "coco", "layout": "yolox", "classes": classes,
        "input": { "name": "images", "width": 416, "height": 416, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225] },
        "thresholds": { "low": 0.2, "score": 0.4, "nms": 0.5 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_for_coco_is_a_card() {
        let file = std::env::temp_dir().join(format!("{}.json", uuid::Uuid::now_v7()));
        std::fs::write(&file, coco().to_string()).unwrap();
        let card = workers::vision::card::Card::load(&file);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(card.unwrap().classes.len(), 80);
    }
}
