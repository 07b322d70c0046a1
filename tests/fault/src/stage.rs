//! One scenario's platform: real fronts and workers as processes, with a proxy on every link.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use dev::{Ports, Process, Program, Signal};
use futures::future::join_all;
use sea_orm::DatabaseConnection;

use crate::{client::Client, database, ground::Ground, ledger::Ledger, proxy::Proxy, wait::until_ok};

/// The queues, by the names of their programs.
pub const POOLS: [&str; 5] = ["booking", "waitlist", "notify", "thumbnail", "damage"];

/// How the platform is to be set up.
#[derive(Clone, Debug)]
pub struct Setup {
    pub fronts: usize,
    /// Processes of each pool.
    pub workers: usize,
    /// A pool with another number of them.
    pub crowded: Option<(&'static str, usize)>,
    /// The programs with crash points and mutants instead of the plain ones.
    pub faults: bool,
    /// More variables for every process.
    pub env: Vec<(String, String)>,
    /// More variables for single processes, by name.
    pub own_env: BTreeMap<String, Vec<(String, String)>>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { fronts: 2, workers: 2, crowded: None, faults: false, env: Vec::new(), own_env: BTreeMap::new() }
    }
}

impl Setup {
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    #[must_use]
    pub fn only_for(mut self, process: &str, name: &str, value: impl Into<String>) -> Self {
        self.own_env.entry(process.to_owned()).or_default().push((name.to_owned(), value.into()));
        self
    }

    /// Where processes that come by their crash point leave word.
    pub fn crash_marks(&self) -> impl Iterator<Item = &str> {
        let all = self.env.iter().chain(self.own_env.values().flatten());
        all.filter(|(name, _)| name == "CRASH_ONCE").map(|(_, path)| path.as_str())
    }

    pub fn forget_crash(&self) {
        for mark in self.crash_marks() {
            let _ = std::fs::remove_file(mark);
        }
    }
}

/// A proxy per link, so that one can fail while the others do not.
pub struct Links {
    pub front_db: Proxy,
    pub worker_db: Proxy,
    pub front_redis: Proxy,
    pub worker_redis: Proxy,
    pub bucket: Proxy,
    pub smtp: Proxy,
}

impl Links {
    async fn start(ground: &Ground) -> Result<Self> {
        let services = &ground.services;
        let postgres = services.postgres().context("PostgreSQL is our own")?.port();
        let redis = services.redis().context("Redis is our own")?.port();
        Ok(Self {
            front_db: Proxy::start(postgres).await?,
            worker_db: Proxy::start(postgres).await?,
            front_redis: Proxy::start(redis).await?,
            worker_redis: Proxy::start(redis).await?,
            bucket: Proxy::start(port_of(&services.bucket().endpoint)?).await?,
            smtp: Proxy::start(port_of(&services.smtp_url())?).await?,
        })
    }

    #[must_use]
    pub fn all(&self) -> [&Proxy; 6] {
        [&self.front_db, &self.worker_db, &self.front_redis, &self.worker_redis, &self.bucket, &self.smtp]
    }
}

fn port_of(url: &str) -> Result<u16> {
    let port = url.trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok());
    port.with_context(|| format!("{url} has no port"))
}

fn through(url: &str, from: u16, proxy: &Proxy) -> String {
    url.replace(&format!("127.0.0.1:{from}"), &format!("127.0.0.1:{}", proxy.port()))
}

/// The running platform.
pub struct Stage<'a> {
    pub ground: &'a Ground,
    pub name: String,
    pub links: Links,
    pub fronts: Vec<Process>,
    pub workers: Vec<Process>,
    pub client: Client,
    pub db: DatabaseConnection,
    probes: BTreeMap<String, String>,
    setup: Setup,
}

impl<'a> Stage<'a> {
    /// Boots fronts, workers and clock on a database of their own, and waits until all are ready.
    ///
    /// # Errors
    /// A process does not become ready; the message quotes its log.
    pub async fn open(ground: &'a Ground, name: &str, setup: Setup) -> Result<Stage<'a>> {
        ground.database(name).await?;
        let links = Links::start(ground).await?;
        let db = database::connect(&ground.services.database_url(name)).await?;
        let ledger = Arc::new(Ledger::create(ground.data_dir.path(format!("{name}.jsonl")))?);
        let fronts = (1..=setup.fronts).map(|n| format!("{name}-api.{n}")).collect::<Vec<_>>();
        let (mut urls, mut probes) = (Vec::new(), BTreeMap::new());
        for front in &fronts {
            let url = format!("http://127.0.0.1:{}", Ports::of(&ground.data_dir)?.number(front)?);
            probes.insert(front.clone(), url.clone());
            urls.push(url);
        }
        let client = Client::new(urls, ledger)?;
        let (name, fronts_running) = (name.to_owned(), Vec::new());
        let mut stage =
            Stage { ground, name, links, fronts: fronts_running, workers: Vec::new(), client, db, probes, setup };
        for front in &fronts {
            let listen = stage.probes[front].trim_start_matches("http://").to_owned();
            let process = stage.start("api", front, ("HTTP_LISTEN", listen))?;
            stage.fronts.push(process);
        }
        for (pool, n) in stage.pools() {
            stage.start_worker(pool, n)?;
        }
        stage.ready().await?;
        Ok(stage)
    }

    fn pools(&self) -> Vec<(&'static str, usize)> {
        let count = |pool: &str| match self.setup.crowded {
            Some((crowded, count)) if crowded == pool => count,
            _ => self.setup.workers,
        };
        let pools = POOLS.iter().flat_map(|pool| (1..=count(pool)).map(move |n| (*pool, n)));
        pools.chain([("clock", 1)]).collect()
    }

    /// One more process of a pool.
    ///
    /// # Errors
    /// Its program is not built.
    pub fn start_worker(&mut self, pool: &str, n: usize) -> Result<()> {
        let name = format!("{}-{pool}.{n}", self.name);
        let port = Ports::of(&self.ground.data_dir)?.number(&name)?;
        self.probes.insert(name.clone(), format!("http://127.0.0.1:{port}"));
        let process = self.start(pool, &name, ("PROBE_LISTEN", format!("127.0.0.1:{port}")))?;
        self.workers.push(process);
        Ok(())
    }

    fn start(&self, program: &str, name: &str, (variable, listen): (&str, String)) -> Result<Process> {
        let programs = &self.ground.programs;
        let folder: &PathBuf = match self.setup.faults {
            true => programs.faults.as_ref().context("this scenario needs the programs that bin/faults builds")?,
            false => &programs.plain,
        };
        let mut env = self.environment(program == "api");
        env.push((variable.to_owned(), listen));
        env.extend(self.setup.env.clone());
        let short = name.trim_start_matches(&format!("{}-", self.name));
        env.extend(self.setup.own_env.get(short).cloned().unwrap_or_default());
        let mut program = Program::new(name, folder.join(program), env);
        program.longest_pause = Duration::from_millis(300);
        Ok(self.ground.services.run(program))
    }

    fn environment(&self, front: bool) -> Vec<(String, String)> {
        let (services, links) = (&self.ground.services, &self.links);
        let (db, redis) = match front {
            true => (&links.front_db, &links.front_redis),
            false => (&links.worker_db, &links.worker_redis),
        };
        let postgres = services.postgres().map_or(0, dev::Postgres::port);
        let redis_port = services.redis().map_or(0, dev::Redis::port);
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let mut variables = services.settings(&self.name);
        variables.extend([
            ("DATABASE_URL", through(&services.database_url(&self.name), postgres, db)),
            ("DATABASE_CONNECTIONS", if front { "20" } else { "8" }.to_owned()),
            ("REDIS_URL", through(&services.redis_url(), redis_port, redis)),
            ("REDIS_PREFIX", format!("{}:", self.name)),
            ("S3_ENDPOINT", format!("http://127.0.0.1:{}", links.bucket.port())),
            ("SMTP_URL", format!("smtp://127.0.0.1:{}", links.smtp.port())),
            ("ACCESS_TOKEN_KEY", key.to_owned()),
            ("LINK_TOKEN_KEY", key.to_owned()),
            ("ACCESS_TOKEN_MINUTES", "240".to_owned()),
            // Few customers ask for much, all from one address.
            ("REGISTRATIONS_PER_HOUR", "0".to_owned()),
            ("OPEN_BOOKINGS_PER_CUSTOMER", "0".to_owned()),
            ("RUST_LOG", "info".to_owned()),
            // Naming the functions of a debug build takes seconds, which would be taken for a stall.
            ("RUST_BACKTRACE", "0".to_owned()),
        ]);
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Waits until every process says that it is ready.
    ///
    /// # Errors
    /// One does not.
    pub async fn ready(&self) -> Result<()> {
        let all = self.fronts.iter().chain(&self.workers);
        let ready = all.map(|process| {
            let url = format!("{}/readyz", self.probes[process.name()]);
            async move {
                // A crash point may lie on its way up.
                let ready = async || process.ready(Duration::from_secs(60), async || is_ready(&url).await).await;
                until_ok(Duration::from_secs(60), ready).await
            }
        });
        join_all(ready).await.into_iter().collect()
    }

    /// The workers of a pool.
    pub fn pool(&self, pool: &str) -> impl Iterator<Item = &Process> {
        let prefix = format!("{}-{pool}.", self.name);
        self.workers.iter().filter(move |process| process.name().starts_with(&prefix))
    }

    /// The sum of a counter over the workers that answer.
    pub async fn metric(&self, name: &str) -> f64 {
        let mut sum = 0.0;
        for worker in &self.workers {
            let url = format!("{}/metrics", self.probes[worker.name()]);
            let Ok(answer) = reqwest::get(url).await else { continue };
            let text = answer.text().await.unwrap_or_default();
            let lines = text.lines().filter(|line| line.starts_with(name));
            sum += lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>();
        }
        sum
    }

    /// Ends every process; what is frozen is thawed first.
    pub async fn close(self) {
        let all = || self.fronts.iter().chain(&self.workers);
        for process in all() {
            let _ = process.signal(Signal::SIGCONT);
            let _ = process.signal(Signal::SIGKILL);
        }
        join_all(all().map(Process::stop)).await;
        let _ = self.db.close().await;
        if let Some(postgres) = self.ground.services.postgres() {
            let _ = postgres.drop_database(&self.name).await;
        }
    }
}

async fn is_ready(url: &str) -> bool {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build();
    let Ok(client) = client else { return false };
    client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
}
