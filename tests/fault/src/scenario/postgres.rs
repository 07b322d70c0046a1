//! C: PostgreSQL dies, hangs, refuses, and breaks off at the worst moment.

use std::time::Duration;

use anyhow::{Context, Result};
use dev::Signal;
use futures::{FutureExt, future::LocalBoxFuture};
use sea_orm::TransactionTrait;

use super::{Scenario, Scene};
use crate::{
    database::{self, connect, number, run},
    proxy::{Mark, Strike, Weather, When},
    wait::{until, until_ok},
};

pub(super) fn rows() -> Vec<Scenario> {
    vec![
        Scenario::new("37", "postgres_kill", "kill -9 of PostgreSQL, twice", kill).seconds(16.0).reruns(),
        Scenario::new(
            "37",
            "claims_lost",
            "kill -9 of PostgreSQL that had not yet written the latest claims",
            claims_lost,
        )
        .seconds(16.0)
        .rate(8.0),
        Scenario::new(
            "38",
            "postgres_commit",
            "the connection breaks at a COMMIT, before or after it was carried out",
            commit,
        )
        .reruns(),
        Scenario::new("39", "postgres_backends", "sessions ended by chance, five times a second", backends),
        Scenario::new("42", "postgres_hang", "PostgreSQL cannot be reached, and nobody is told", hang).seconds(20.0),
        Scenario::new("45", "postgres_connections", "no connection is left", connections).seconds(16.0),
        Scenario::new("46", "postgres_locked", "a migration holds the whole job table", locked).seconds(16.0),
        Scenario::new("48", "postgres_commit_order", "jobs that commit long after younger ones", commit_order),
    ]
}

fn kill<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let postgres = scene.stage.ground.services.postgres().context("PostgreSQL is our own")?;
        for _ in 0..2 {
            postgres.process().signal(Signal::SIGKILL)?;
            tokio::time::sleep(scene.lasts / 4).await;
            scene.back(async || postgres.resume().await).await?;
            tokio::time::sleep(scene.lasts / 4).await;
        }
        Ok(())
    }
    .boxed_local()
}

/// A claim, as the checker's own record knows it: a crash that forgets the one forgets the other.
#[derive(serde::Deserialize)]
struct Claim {
    seq: i64,
}

/// Claims do not wait for the disk. The server writes them down by itself after 200 ms; here after ten seconds, so
/// that those since the last commit of anything else are lost.
fn claims_lost<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let (db, postgres) =
            (&scene.stage.db, scene.stage.ground.services.postgres().context("PostgreSQL is our own")?);
        // What follows a claim comes late, so that there is time to crash in between.
        scene.stage.links.worker_db.weather(Weather::Slow(Duration::from_millis(100)));
        let (mut lost, mut crashes) = (0, 0);
        // Whoever commits anything in the same moment writes the claims along: then there is nothing to forget.
        while crashes < 3 || (lost == 0 && crashes < 6) {
            crashes += 1;
            run(db, "alter system set wal_writer_delay = '10s'").await?;
            run(db, "select pg_reload_conf()").await?;
            tokio::time::sleep(scene.lasts / 12).await;
            let claimed = async || {
                let sql = "select seq from checker.attempt where change = 'claimed'
                           and at > clock_timestamp() - interval '50 milliseconds'
                           and pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn()";
                Ok(Some(database::rows::<Claim>(db, sql).await?).filter(|claims| !claims.is_empty()))
            };
            let claimed = until(scene.lasts / 6, claimed).await?.unwrap_or_default();
            postgres.process().signal(Signal::SIGKILL)?;
            scene.back(async || postgres.resume().await).await?;
            let known = "select seq from checker.attempt";
            let known: Vec<Claim> = until_ok(Duration::from_secs(20), async || database::rows(db, known).await).await?;
            lost += claimed.iter().filter(|claim| known.iter().all(|one| one.seq != claim.seq)).count();
        }
        run(db, "alter system reset wal_writer_delay").await?;
        run(db, "select pg_reload_conf()").await?;
        scene.note(format!("{lost} claims forgotten in {crashes} crashes"));
        scene.expect(lost > 0, "no claim was forgotten: nothing was shown");
        Ok(())
    }
    .boxed_local()
}

fn commit<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let links = &scene.stage.links;
        for when in [When::Before, When::After] {
            links.worker_db.strike(Strike::new(Mark::PgCommit, when, 6));
            links.front_db.strike(Strike::new(Mark::PgText("request_booking"), when, 4));
            tokio::time::sleep(scene.lasts / 2).await;
        }
        scene.expect(links.worker_db.struck() > 1, "no COMMIT of a worker was struck: nothing was shown");
        scene.expect(links.front_db.struck() > 1, "no acceptance was struck: nothing was shown");
        Ok(())
    }
    .boxed_local()
}

fn backends<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let sql = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = '{}' and pid <> pg_backend_pid() and application_name <> 'checker' order by random() limit 3",
            scene.stage.name
        );
        let turns = u32::try_from(scene.lasts.as_millis() / 200)?;
        // Our own session may be among those that end.
        scene.times(turns, async || { let _ = run(&scene.stage.db, &sql).await; Ok(()) }).await
    }
    .boxed_local()
}

fn hang<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        for link in [&scene.stage.links.worker_db, &scene.stage.links.front_db] {
            link.weather(Weather::BlackHole);
        }
        tokio::time::sleep(scene.lasts).await;
        Ok(())
    }
    .boxed_local()
}

fn connections<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let url = scene.stage.ground.services.database_url(&scene.stage.name);
        // Whoever is cut off now finds its place taken.
        let mut hogs = Vec::new();
        for link in [&scene.stage.links.worker_db, &scene.stage.links.front_db] {
            link.cut();
        }
        for _ in 0..220 {
            match tokio::time::timeout(Duration::from_secs(2), connect(&url)).await {
                Ok(Ok(hog)) => hogs.push(hog),
                _ => break,
            }
        }
        scene.note(format!("{} connections taken", hogs.len()));
        tokio::time::sleep(scene.lasts).await;
        for hog in hogs {
            let _ = hog.close().await;
        }
        Ok(())
    }
    .boxed_local()
}

fn locked<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let tx = scene.stage.db.begin().await?;
        sea_orm::ConnectionTrait::execute_unprepared(&tx, "lock table job in access exclusive mode").await?;
        tokio::time::sleep(scene.lasts).await;
        Ok(tx.rollback().await?)
    }
    .boxed_local()
}

/// Rows with older ids, written first and committed last: who selects by a cursor never sees them.
fn commit_order<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        scene
            .times(6, async || {
                let jobs = |late: bool| {
                    format!(
                        "insert into job (id, queue, kind, payload, max_attempts)
                         select (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7000' || '8000'
                                 || substr(md5(random()::text), 1, 12))::uuid,
                                'waitlist', 'promote_waitlist', jsonb_build_object('car_id', gen_random_uuid(), 'late', {late}), 8
                         from generate_series(1, 5)"
                    )
                };
                let tx = scene.stage.db.begin().await?;
                sea_orm::ConnectionTrait::execute_unprepared(&tx, &jobs(true)).await?;
                // The fault itself: younger rows are committed meanwhile, and every worker finds some of them.
                for _ in 0..20 {
                    run(&scene.stage.db, &jobs(false)).await?;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Ok(tx.commit().await?)
            })
            .await?;
        let left = "select count(*) from job where payload->>'late' = 'true' and state <> 'done'";
        let done = async || Ok((number(&scene.stage.db, left).await? == 0).then_some(()));
        until(Duration::from_secs(10), done).await?;
        let skipped = number(&scene.stage.db, left).await?;
        scene.expect(skipped == 0, format!("{skipped} jobs that committed late were passed over"));
        Ok(())
    }
    .boxed_local()
}
