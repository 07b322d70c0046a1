//! B: Redis dies, forgets, hangs, lies.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result};
use dev::{Process, Signal};
use futures::{FutureExt, future::LocalBoxFuture};

use super::{Scenario, Scene, backlog};
use crate::{
    database::number,
    proxy::{Mark, Strike, Weather, When},
};

pub(super) fn rows() -> Vec<Scenario> {
    vec![
        Scenario::new("19", "redis_kill", "kill -9 of Redis, started again from its file", kill).dispatches(),
        Scenario::new("20", "redis_power_cut", "Redis loses the end of its file", power_cut).dispatches(),
        Scenario::new("21", "redis_flush", "FLUSHALL ten times", flush).dispatches(),
        Scenario::new("22", "redis_wipe", "Redis starts again with nothing", wipe).dispatches(),
        Scenario::new("23", "redis_resurrection", "Redis starts again with an old state", resurrection).dispatches(),
        Scenario::new("24", "redis_down", "Redis is away", down).seconds(20.0),
        Scenario::new("27", "redis_hang", "Redis is frozen", hang).seconds(20.0),
        Scenario::new("28", "redis_massacre", "every connection to Redis killed, again and again", massacre),
        Scenario::new("29", "redis_reply_lost", "the reply to a script is lost after it ran", reply_lost).dispatches(),
        Scenario::new("30", "redis_slow", "Redis answers 300 ms late", slow).rate(15.0),
        Scenario::new("31", "redis_partition", "workers cannot reach Redis, fronts can", partition).seconds(20.0),
        Scenario::new("34", "redis_script_flush", "SCRIPT FLUSH, again and again", script_flush).dispatches(),
        backlog::row(),
        Scenario::new("36", "redis_corruption", "tickets turned into rubbish", corruption).dispatches(),
    ]
}

fn server<'a>(scene: &'a Scene<'a>) -> Result<&'a dev::Redis> {
    scene.stage.ground.services.redis().context("Redis is our own")
}

pub(super) async fn command(scene: &Scene<'_>, words: &[&str]) -> Result<redis::Value> {
    let client = redis::Client::open(scene.stage.ground.services.redis_url())?;
    // The default of half a second is shorter than what a busy disk takes to empty a log.
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(20)));
    let mut connection = client.get_multiplexed_async_connection_with_config(&patient).await?;
    let mut command = redis::cmd(words[0]);
    words[1..].iter().for_each(|word| {
        command.arg(*word);
    });
    Ok(command.query_async(&mut connection).await?)
}

/// Whatever happens to Redis, no process of ours has to be started again for it.
async fn without_restarts(scene: &Scene<'_>, fault: impl Future<Output = Result<()>>) -> Result<()> {
    let pids = || scene.stage.workers.iter().chain(&scene.stage.fronts).map(Process::pid).collect::<Vec<_>>();
    let before = pids();
    fault.await?;
    scene.expect(before == pids(), "a process was started again because of Redis");
    Ok(())
}

fn kill<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    let fault = async move {
        scene
            .times(2, async || {
                let _ = server(scene)?.process().signal(Signal::SIGKILL);
                Ok(())
            })
            .await?;
        scene.back(async || server(scene)?.resume().await).await
    };
    async move { without_restarts(scene, fault).await }.boxed_local()
}

fn folder(scene: &Scene<'_>) -> std::path::PathBuf {
    scene.stage.ground.data_dir.path("redis/appendonlydir")
}

/// Ends Redis at once, changes its files, and starts it again.
async fn changed(scene: &Scene<'_>, change: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let redis = server(scene)?;
    redis.process().signal(Signal::SIGKILL)?;
    redis.stop().await;
    change(&folder(scene))?;
    scene.back(async || redis.resume().await).await
}

fn power_cut<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    let cut = |folder: &Path| {
        for file in fs::read_dir(folder)?.flatten().map(|entry| entry.path()) {
            if file.to_string_lossy().contains(".incr.") {
                let length = fs::metadata(&file)?.len();
                fs::OpenOptions::new().write(true).open(&file)?.set_len(length / 2)?;
            }
        }
        Ok(())
    };
    async move { without_restarts(scene, changed(scene, cut)).await }.boxed_local()
}

fn flush<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let fault = scene.times(10, async || command(scene, &["FLUSHALL"]).await.map(drop));
        without_restarts(scene, fault).await
    }
    .boxed_local()
}

fn wipe<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    let wipe = |folder: &Path| Ok(fs::remove_dir_all(folder)?);
    async move { without_restarts(scene, changed(scene, wipe)).await }.boxed_local()
}

fn resurrection<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    let fault = async move {
        let (now, old) = (folder(scene), scene.stage.ground.data_dir.path("redis-old"));
        let _ = fs::remove_dir_all(&old);
        copy(&now, &old)?;
        tokio::time::sleep(scene.lasts).await;
        let back = move |folder: &Path| {
            fs::remove_dir_all(folder)?;
            copy(&old, folder)
        };
        changed(scene, back).await
    };
    async move { without_restarts(scene, fault).await }.boxed_local()
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

fn down<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    let fault = async move {
        let unknown = || scene.stage.client.ledger.tally.unknown.load(std::sync::atomic::Ordering::Relaxed);
        server(scene)?.stop().await;
        let before = unknown();
        tokio::time::sleep(scene.lasts).await;
        let refused = unknown() - before;
        scene.expect(refused == 0, format!("{refused} requests were not accepted while Redis was away"));
        // Photos take longer than that anyway.
        let late = "select count(*) from job where queue in ('booking', 'notify', 'waitlist') and state = 'ready'
                    and run_at < clock_timestamp() - interval '5 seconds'";
        let late = number(&scene.stage.db, late).await?;
        scene.expect(late == 0, format!("{late} jobs waited for Redis"));
        scene.back(async || server(scene)?.resume().await).await
    };
    async move { without_restarts(scene, fault).await }.boxed_local()
}

fn hang<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    let fault = async move {
        let process = server(scene)?.process();
        process.signal(Signal::SIGSTOP)?;
        tokio::time::sleep(scene.lasts).await;
        process.signal(Signal::SIGCONT)
    };
    async move { without_restarts(scene, fault).await }.boxed_local()
}

fn massacre<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let fault = scene.times(40, async || {
            for kind in ["normal", "pubsub"] {
                command(scene, &["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]).await?;
            }
            Ok(())
        });
        without_restarts(scene, fault).await
    }
    .boxed_local()
}

fn reply_lost<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let links = &scene.stage.links;
        links.worker_redis.strike(Strike::new(Mark::RedisScript, When::After, 9));
        links.front_redis.strike(Strike::new(Mark::RedisScript, When::After, 5));
        tokio::time::sleep(scene.lasts).await;
        scene.expect(links.worker_redis.struck() > 0, "no reply to a worker was lost: nothing was shown");
        scene.expect(links.front_redis.struck() > 0, "no reply to a front was lost: nothing was shown");
        Ok(())
    }
    .boxed_local()
}

fn slow<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        for link in [&scene.stage.links.worker_redis, &scene.stage.links.front_redis] {
            link.weather(Weather::Slow(Duration::from_millis(300)));
        }
        tokio::time::sleep(scene.lasts).await;
        scene.expect(scene.stage.metric("jobs_lease_lost_total").await == 0.0, "a lease was lost to a slow Redis");
        Ok(())
    }
    .boxed_local()
}

fn partition<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    let fault = async move {
        scene.stage.links.worker_redis.weather(Weather::BlackHole);
        tokio::time::sleep(scene.lasts).await;
        let crashed = number(&scene.stage.db, "select count(*) from checker.attempt where change = 'crashed'").await?;
        scene.expect(crashed == 0, format!("{crashed} jobs were taken from workers that kept their leases"));
        Ok(())
    };
    async move { without_restarts(scene, fault).await }.boxed_local()
}

fn script_flush<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let fault = scene.times(20, async || command(scene, &["SCRIPT", "FLUSH"]).await.map(drop));
        without_restarts(scene, fault).await
    }
    .boxed_local()
}

fn corruption<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let fault = scene.times(10, async || {
            for pool in ["booking", "notify"] {
                let key = |name: &str| format!("{}:{pool}:{name}", scene.stage.name);
                command(scene, &["DEL", &key("data")]).await?;
                command(scene, &["ZADD", &key("scheduled"), "0", "rubbish"]).await?;
                command(scene, &["RPUSH", &key("active"), "rubbish", "01ARZ3NDEKTSV4RRFFQ69G5FAV"]).await?;
            }
            Ok(())
        });
        without_restarts(scene, fault).await
    }
    .boxed_local()
}
