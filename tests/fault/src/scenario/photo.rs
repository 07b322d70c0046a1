//! D: photos that vanish, and a model that is missing or broken.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

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
    let model = model_file();
    vec![
        renters(Scenario::new("59", "photo_vanished", "photos that vanish before anybody looked at them", vanished)),
        renters(Scenario::new("63", "model_broken", "the model is missing, then rubbish, then there", broken)).set(
            |setup| {
                let path = model.display().to_string();
                setup.only_for("damage.1", "DAMAGE_MODEL", &path).only_for("damage.2", "DAMAGE_MODEL", &path)
            },
        ),
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
        scene.gives_up(originals.len());
        for worker in eyes() {
            worker.resume().await;
        }
        stage.ready().await?;
        looked(scene).await?;
        let told = "select count(*) from job where state = 'dead' and kind = 'make_thumbnails' and attempt <= 8
                    and error->>'reason' like '%no longer in the bucket%'";
        let told = number(&stage.db, told).await?;
        scene.expect(told == i64::try_from(originals.len())?, format!("{told} of {} say why", originals.len()));
        // The next one is looked at as if nothing had been.
        give_back(scene, 1).await?;
        looked(scene).await
    }
    .boxed_local()
}

fn broken<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let (db, model) = (&scene.stage.db, model_file());
        let folder = model.parent().context("a folder")?.to_owned();
        let pids = || scene.stage.pool("damage").map(Process::pid).collect::<Vec<_>>();
        let before = pids();
        std::fs::create_dir_all(&folder)?;
        let played = async {
            let failed = "select count(*) from photo where analysis_failure is not null";
            for (n, rubbish) in [false, true].into_iter().enumerate() {
                if rubbish {
                    std::fs::write(&model, b"no model at all")?;
                    write_card(&model)?;
                }
                scene.expect(give_back(scene, n).await?.is_some(), "a car was not given back without the model");
                looked(scene).await?;
                let failed = number(db, failed).await?;
                scene.expect(failed == 4 * (i64::try_from(n)? + 1), format!("{failed} photos say why nobody looked"));
            }
            std::fs::write(&model, tiny_model::onnx())?;
            write_card(&model)?;
            give_back(scene, 2).await?;
            looked(scene).await?;
            let seen = number(db, "select count(*) from photo where analysis is not null").await?;
            scene.expect(seen == 4, format!("{seen} of 4 photos were looked at when the model was there"));
            scene.expect(before == pids(), "a process was started again because of the model");
            anyhow::Ok(())
        };
        let played = played.await;
        std::fs::remove_dir_all(&folder)?;
        played
    }
    .boxed_local()
}

/// The card that belongs to whatever lies there as the model.
fn write_card(model: &Path) -> Result<()> {
    let sha256 = hex::encode(Sha256::digest(std::fs::read(model)?));
    Ok(std::fs::write(model.with_extension("json"), tiny_model::card(&sha256))?)
}
