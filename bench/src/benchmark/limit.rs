//! What is possible at all on this machine: durable one-row inserts, the rows of requests and of bookings with nothing around
//! them, Redis pushes, and a front that does nothing.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use sea_orm::ConnectionTrait;
use tokio::process::Command;

use super::{Aim, Benchmark, Metric, accept, figure, metric};
use crate::{
    figure::Figures,
    ground::{Ground, House},
    peer::number_after,
};

pub(super) struct Limit;

#[async_trait(?Send)]
impl Benchmark for Limit {
    fn name(&self) -> &'static str {
        "limit"
    }

    fn about(&self) -> &'static str {
        "pgbench inserting one row per durable transaction, redis-benchmark LPUSH, and a front asked whether it lives, 32 clients each; the rows alone of requests and bookings, by PostgreSQL for 2 clients"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![
            metric("postgres", "/s", Aim::None),
            metric("postgres p50", "ms", Aim::None),
            metric("requests", "/s", Aim::None),
            metric("bookings", "/s", Aim::None),
            metric("redis", "/s", Aim::None),
            metric("front", "/s", Aim::None),
        ]
    }

    async fn ours(&self, ground: &Ground) -> Result<Figures> {
        let (tps, latency) = one_row(ground).await?;
        let (requests, bookings) = rows(ground).await?;
        let (redis, front) = (redis(ground).await?, front(ground).await?);
        Ok(vec![
            figure("postgres", tps),
            figure("postgres p50", latency),
            figure("requests", requests),
            figure("bookings", bookings),
            figure("redis", redis),
            figure("front", front),
        ])
    }
}

/// Answers per second that need no database, no Redis and no look at who asks.
async fn front(ground: &Ground) -> Result<f64> {
    let house = ground.house().await?;
    let (front, address) = house.start("api").await?;
    let asked = |_, _| "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned();
    let figures = accept::load(ground, address).run(200, asked).await?;
    front.stop().await?;
    house.close().await?;
    Ok(figures[0].1)
}

/// Transactions per second, and the mean of their latency in milliseconds.
async fn one_row(ground: &Ground) -> Result<(f64, f64)> {
    let house = ground.house().await?;
    house
        .db
        .execute_unprepared("create table plain (id bigint generated always as identity primary key, body jsonb)")
        .await?;
    let insert = "insert into plain (body) values ('{\"carId\": \"00000000-0000-0000-0000-000000020000\"}')";
    let said = pgbench(&house, 32, insert).await?;
    house.close().await?;
    Ok((number_after(&said, "tps =")?, number_after(&said, "latency average =")?))
}

/// How many requests a front's group holds, and how many bookings a worker's, about as `accept` and `drain` have them.
const REQUESTS: u32 = 16;
const BOOKINGS: u32 = 64;

/// Requests accepted and bookings made per second by PostgreSQL alone: the rows that they become, and nothing else.
async fn rows(ground: &Ground) -> Result<(f64, f64)> {
    let house = ground.house().await?;
    house.db.execute_unprepared(include_str!("limit.sql")).await?;
    let said = pgbench(&house, 2, &format!("select accept({REQUESTS})")).await?;
    let requests = number_after(&said, "tps =")? * f64::from(REQUESTS);
    // A backlog that lasts, and is known to the planner.
    let fill = format!("truncate job; select accept({})", if ground.quick { 20_000 } else { 100_000 });
    house.db.execute_unprepared(&fill).await?;
    house.db.execute_unprepared("vacuum analyze job").await?;
    house.db.execute_unprepared("checkpoint").await?;
    let said = pgbench(&house, 2, &format!("select book({BOOKINGS})")).await?;
    let bookings = number_after(&said, "tps =")? * f64::from(BOOKINGS);
    let left = house.number("select count(*) from job where queue = 'booking' and state = 'ready'").await?;
    ensure!(left > 0.0, "the backlog was too short");
    house.close().await?;
    Ok((requests, bookings))
}

/// What pgbench says of so many clients that send this again and again.
async fn pgbench(house: &House<'_>, clients: u32, sql: &str) -> Result<String> {
    let ground = house.ground;
    let script = ground.data_dir.path("pgbench.sql");
    std::fs::write(&script, format!("{sql};\n"))?;
    let (clients, seconds) = (clients.to_string(), ground.measured.as_secs().to_string());
    let mut command = Command::new(installed("pgbench"));
    command
        .args(["-n", "-c", &clients, "-j", "2", "-M", "prepared", "-T", &seconds, "-f"])
        .arg(&script)
        .arg(&house.url);
    said(command).await
}

async fn redis(ground: &Ground) -> Result<f64> {
    let url: reqwest::Url = ground.services.redis_url().parse()?;
    let mut command = Command::new("redis-benchmark");
    command.env("REDISCLI_AUTH", url.password().unwrap_or_default());
    command.args(["-h", "127.0.0.1", "-p", &url.port().context("no port")?.to_string(), "-c", "32", "-n", "100000"]);
    command.args(["-a", url.password().unwrap_or_default(), "--csv", "lpush", "bench:limit", "x"]);
    let said = said(command).await?;
    let line = said.lines().last().context("redis-benchmark said nothing")?;
    let rate = line.split(',').nth(1).with_context(|| line.to_owned())?;
    Ok(rate.trim_matches('"').parse()?)
}

/// What a program printed.
///
/// # Errors
/// It is not installed, or it failed.
pub(super) async fn said(mut command: Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.with_context(|| format!("{:?}", command.as_std().get_program()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Debian keeps the programs of each version of PostgreSQL in a folder of their own.
fn installed(program: &str) -> std::path::PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(program)).filter(|path| path.exists()).max();
    found.unwrap_or_else(|| program.into())
}
