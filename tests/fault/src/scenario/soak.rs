//! F: everything at once, by chance.

use std::time::Duration;

use anyhow::Result;
use dev::Signal;
use futures::{FutureExt, future::LocalBoxFuture};

use super::{Scenario, Scene};
use crate::{
    dice::Dice,
    proxy::{Mark, Proxy, Strike, Weather, When},
};

pub(super) fn rows() -> Vec<Scenario> {
    vec![
        Scenario::new("70", "soak", "any of these, one after the other, by chance", soak)
            .seconds(120.0)
            .rate(25.0)
            .patient(120),
    ]
}

fn soak<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let mut dice = scene.dice("soak");
        let end = tokio::time::Instant::now() + scene.lasts;
        let mut drawn = Vec::new();
        while tokio::time::Instant::now() < end {
            drawn.push(trouble(scene, &mut dice).await?);
            tokio::time::sleep(Duration::from_secs_f64(dice.within(0.3..2.0))).await;
        }
        scene.note(format!("{} troubles", drawn.len()));
        Ok(())
    }
    .boxed_local()
}

async fn trouble(scene: &Scene<'_>, dice: &mut Dice) -> Result<&'static str> {
    let (stage, services) = (scene.stage, &scene.stage.ground.services);
    let links = stage.links.all();
    let link: &Proxy = links[dice.below(links.len())];
    match dice.below(8) {
        0 => {
            let _ = scene.any_worker(dice).signal(Signal::SIGKILL);
            Ok("kill worker")
        }
        1 => {
            let _ = stage.fronts[dice.below(stage.fronts.len())].signal(Signal::SIGKILL);
            Ok("kill front")
        }
        2 => {
            let _ = scene.any_worker(dice).signal(Signal::SIGTERM);
            Ok("terminate worker")
        }
        3 => {
            if let Some(redis) = services.redis() {
                let _ = redis.process().signal(Signal::SIGKILL);
                scene.back(async || redis.resume().await).await?;
            }
            Ok("kill Redis")
        }
        4 => {
            link.cut();
            Ok("cut a link")
        }
        5 => {
            link.weather(Weather::BlackHole);
            tokio::time::sleep(Duration::from_secs_f64(dice.within(0.5..4.0))).await;
            link.clear();
            Ok("black hole")
        }
        6 => {
            stage.links.worker_db.strike(Strike::new(Mark::PgCommit, When::After, 5));
            tokio::time::sleep(Duration::from_secs(2)).await;
            stage.links.worker_db.clear();
            Ok("commits cut")
        }
        _ => {
            link.weather(Weather::Slow(Duration::from_millis(150)));
            tokio::time::sleep(Duration::from_secs(2)).await;
            link.clear();
            Ok("slow link")
        }
    }
}
