//! D: photos that vanish, and a model that is missing or broken.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use dev::{Process, tiny_model};
use futures::{FutureExt, future::LocalBoxFuture};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Scenario, Scene};
use crate::{
    cast::Crowd,
    database::{self, number},
    load,
    photos::renewed,
    wait::until,
};

pub(super) fn rows() -> Vec<Scenario> {
    let renters = |row: Scenario| Scenario { crowd: Crowd { rentals: 3, ..Crowd::default() }, ..row }.rate(0.0);
    let models = |row: Scenario| {
        let path = model_file().display().to_string();
        row.set(|setup| setup.only_for("damage.1", "DAMAGE_MODEL", &path).only_for("damage.2", "DAMAGE_MODEL", &path))
    };
    vec![
        renters(Scenario::new("59", "photo_vanished", "photos that vanish before anybody looked at them", vanished)),
        models(renters(Scenario::new("63", "model_broken", "the model is missing, then rubbish, then there", broken))),
        models(renters(Scenario::new("63", "model_slow", "the model looks for minutes, then is mended", slow))),
    ]
}

fn model_file() -> PathBuf {
    std::env::temp_dir().join(format!("forecourt-model-{}", std::process::id())).join("tiny.onnx")
}

/// Rents the car out and takes it back with four photos.
async fn give_back(scene: &Scene<'_>, n: usize) -> Result<Option<String>> {
    let (client, cast) = (&scene.stage.client, &scene.cast);
    let photos = renewed(&scene.stage.ground.photos[n], scene.dice(&format!("photos {n}")).seed());
    load::rental(client, &cast.customers[n], n, &cast.rentals[n], photos, client.ledger.now() + 60.0).await
}

/// The jobs that look at photos and are not over.
const LOOKING: &str = "select count(*) from job where kind in ('make_thumbnails', 'detect_damage')
                       and state in ('ready', 'running')";

async fn looked(scene: &Scene<'_>) -> Result<()> {
    let db = &scene.stage.db;
    let over = until(Duration::from_secs(60), async || Ok((number(db, LOOKING).await? == 0).then_some(())));
    scene.expect(over.await?.is_some(), "jobs that look at photos go on for ever");
    Ok(())
}

#[derive(Deserialize)]
struct Original {
    object_key: String,
}

fn vanished<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let stage = scene.stage;
        let eyes = || stage.pool("thumbnail").chain(stage.pool("damage"));
        for worker in eyes() {
            worker.stop().await;
        }
        let returned = give_back(scene, 0).await?;
        scene.expect(returned.is_some(), "the car was not given back");
        let originals: Vec<Original> =
            database::rows(&stage.db, "select object_key from photo where state = 'accepted'").await?;
        let bucket = stage.ground.data_dir.path("s3").join(dev::BUCKET);
        for original in &originals {
            std::fs::remove_file(bucket.join(&original.object_key)).with_context(|| original.object_key.clone())?;
        }
        scene.takes_away(originals.len());
        for worker in eyes() {
            worker.resume().await;
        }
        stage.ready().await?;
        looked(scene).await?;
        let told = "select count(*) from photo where derive_failure like '%no longer in the bucket%'";
        let told = number(&stage.db, told).await?;
        scene.expect(told == i64::try_from(originals.len())?, format!("{told} of {} say why", originals.len()));
        // The next one is looked at as if nothing had been.
        give_back(scene, 1).await?;
        looked(scene).await
    }
    .boxed_local()
}

fn broken<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    with_model(scene, async |models| {
        for (n, rubbish) in [None, Some(b"no model at all".as_slice())].into_iter().enumerate() {
            if let Some(rubbish) = rubbish {
                models.put(rubbish)?;
            }
            scene.expect(give_back(scene, n).await?.is_some(), "a car was not given back without the model");
            looked(scene).await?;
            let failed = number(&scene.stage.db, &format!("{FAILED} is not null")).await?;
            scene.expect(failed == 4 * (i64::try_from(n)? + 1), format!("{failed} photos say why nobody looked"));
        }
        models.put(&tiny_model::onnx())?;
        give_back(scene, 2).await?;
        looked(scene).await
    })
}

/// The patience of the report, and some time to make it.
const REPORTED: Duration = Duration::from_secs(120 + 15);

/// So long that nobody waits for it.
const FOR_EVER: usize = 40;

fn slow<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    with_model(scene, async |models| {
        models.put(&tiny_model::slow(FOR_EVER))?;
        scene.expect(give_back(scene, 0).await?.is_some(), "a car was not given back with a slow model");
        let told = "select count(*) from job where kind = 'announce' and payload->>'news' = 'return_reported'
                    and state = 'done'";
        let told = until(REPORTED, async || Ok((number(&scene.stage.db, told).await? == 1).then_some(()))).await?;
        scene.expect(told.is_some(), format!("nobody was told of the return within {REPORTED:?}"));
        looked(scene).await?;
        let slow = format!("{FAILED} like '%took longer than 60 seconds'");
        let slow = number(&scene.stage.db, &slow).await?;
        scene.expect(slow == 4, format!("{slow} of 4 photos say that the model was too slow"));
        models.put(&tiny_model::onnx())?;
        give_back(scene, 1).await?;
        looked(scene).await
    })
}

/// The photos that nobody looked at, and why.
const FAILED: &str = "select count(*) from photo where analysis_failure";
/// A part of a photo row, with the file that the damage workers take for the model. In the end it is a good one, and
/// they have looked at the four photos of the last return without being started again.
fn with_model<'a>(
    scene: &'a Scene<'a>,
    play: impl AsyncFnOnce(&ModelFile) -> Result<()> + 'a,
) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let pids = || scene.stage.pool("damage").map(Process::pid).collect::<Vec<_>>();
        let (before, model) = (pids(), ModelFile::none_yet()?);
        play(&model).await?;
        let seen = number(&scene.stage.db, "select count(*) from photo where analysis is not null").await?;
        scene.expect(seen == 4, format!("{seen} of 4 photos were looked at when the model was there"));
        scene.expect(before == pids(), "a process was started again because of the model");
        Ok(())
    }
    .boxed_local()
}

struct ModelFile(PathBuf);

impl ModelFile {
    fn none_yet() -> Result<Self> {
        let file = Self(model_file());
        std::fs::create_dir_all(file.0.parent().context("a folder")?)?;
        Ok(file)
    }

    /// Puts a file there, and the card that belongs to it.
    fn put(&self, onnx: &[u8]) -> Result<()> {
        std::fs::write(&self.0, onnx)?;
        let sha256 = hex::encode(Sha256::digest(onnx));
        Ok(std::fs::write(self.0.with_extension("json"), tiny_model::card(&sha256))?)
    }
}

impl Drop for ModelFile {
    fn drop(&mut self) {
        let _ = self.0.parent().map(std::fs::remove_dir_all);
    }
}
