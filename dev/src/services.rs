use std::{env, fs};

use anyhow::{Context, Result, bail};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{
    bucket::{BUCKET, Bucket, REGION},
    console::Console,
    data_dir::DataDir,
    inbox::Inbox,
    leftover,
    postgres::{Durability, Postgres},
    process::{Process, Program},
    redis::Redis,
};

/// Servers that somebody else runs, to be used instead of own ones.
#[derive(Clone, Default)]
pub struct Given {
    pub database_url: Option<String>,
    pub redis_url: Option<String>,
    pub bucket: Option<BucketAccess>,
    pub smtp_url: Option<String>,
}

/// How a client reaches a bucket.
#[derive(Clone)]
pub struct BucketAccess {
    pub endpoint: String,
    pub region: String,
    pub name: String,
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl Given {
    /// What `DATABASE_URL`, `REDIS_URL`, `S3_ENDPOINT` (with `S3_BUCKET`,
    /// `S3_REGION` and the keys) and `SMTP_URL` say.
    ///
    /// # Errors
    /// `S3_ENDPOINT` is there without its keys, or a file cannot be read; the message names what is missing.
    pub fn from_env() -> Result<Self> {
        Ok(Self {
            database_url: variable("DATABASE_URL")?,
            redis_url: variable("REDIS_URL")?,
            bucket: BucketAccess::from_env()?,
            smtp_url: variable("SMTP_URL")?,
        })
    }
}

impl BucketAccess {
    fn from_env() -> Result<Option<Self>> {
        let Some(endpoint) = variable("S3_ENDPOINT")? else {
            return Ok(None);
        };
        let keys = ["S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"];
        let [access_key_id, secret_access_key] = keys.map(variable);
        let (access_key_id, secret_access_key) = (access_key_id?, secret_access_key?);
        let (Some(access_key_id), Some(secret_access_key)) = (access_key_id, secret_access_key) else {
            bail!("S3_ENDPOINT needs {}", keys.join(" and "));
        };
        Ok(Some(Self {
            endpoint,
            region: variable("S3_REGION")?.unwrap_or_else(|| REGION.to_owned()),
            name: variable("S3_BUCKET")?.unwrap_or_else(|| BUCKET.to_owned()),
            access_key_id,
            secret_access_key,
        }))
    }
}

/// The text of a variable, or of the file that its `NAME_FILE` names, as the processes read it. What is empty counts as none.
///
/// # Errors
/// The file cannot be read.
pub fn variable(name: &str) -> Result<Option<String>> {
    let said = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let Some(path) = said(&of_file(name)) else {
        return Ok(said(name));
    };
    let text = fs::read_to_string(&path).with_context(|| format!("{}: cannot read {path}", of_file(name)))?;
    Ok(Some(text.trim_end().to_owned()).filter(|text| !text.is_empty()))
}

/// The variable that names a file in place of a value, and wins over it.
pub(crate) fn of_file(name: &str) -> String {
    format!("{name}_FILE")
}

/// How the services are to run.
#[derive(Clone, Default)]
pub struct Setup {
    pub given: Given,
    pub durability: Durability,
    pub console: Console,
    /// Where the mail page should be if it can.
    pub mail_port: Option<u16>,
    /// How many connections our own PostgreSQL admits, if those are more than it does anyway.
    pub connections: usize,
}

impl Setup {
    /// Own servers, as fast as can be, that say nothing.
    #[must_use]
    pub fn for_tests() -> Self {
        Self { durability: Durability::None, console: Console::Silent, ..Self::default() }
    }
}

/// What Forecourt needs around it: PostgreSQL, Redis, a bucket and a mail
/// server, each our own unless given.
///
/// They run on threads of their own, so that they outlive the runtime of the
/// test that happened to start them. When the process ends, in whichever way,
/// they end too.
pub struct Services {
    given: Given,
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    bucket: Option<Bucket>,
    inbox: Option<Inbox>,
    background: Background,
    /// Keeps others off the folder for as long as the servers use it.
    data_dir: DataDir,
    console: Console,
}

impl Services {
    /// Starts what is not given, and first ends whatever an earlier run on this
    /// folder left running.
    ///
    /// # Errors
    /// A server is not installed or does not come up; the message says which,
    /// and quotes its log.
    pub async fn start(data_dir: &DataDir, setup: Setup) -> Result<Self> {
        let background = Background::start()?;
        let runtime = background.handle();
        let root = data_dir.root().to_owned();
        tokio::task::spawn_blocking(move || leftover::stop_all(&root)).await?;
        data_dir.folder("log")?;

        let Setup { given, durability, console, mail_port, connections } = setup;
        let postgres = match given.database_url {
            Some(_) => None,
            None => Some(Postgres::start(data_dir, durability, connections, console, &runtime).await?),
        };
        let redis = match given.redis_url {
            Some(_) => None,
            None => Some(Redis::start(data_dir, console, &runtime).await?),
        };
        let bucket = match given.bucket {
            Some(_) => None,
            None => Some(Bucket::start(data_dir, &runtime)?),
        };
        let inbox = match given.smtp_url {
            Some(_) => None,
            None => Some(Inbox::start(data_dir, durability, mail_port, &runtime)?),
        };
        Ok(Self { given, postgres, redis, bucket, inbox, background, data_dir: data_dir.clone(), console })
    }

    /// The address of a database by this name. A given server has only the one
    /// database that its address names.
    #[must_use]
    pub fn database_url(&self, name: &str) -> String {
        let given = self.given.database_url.clone().unwrap_or_default();
        self.postgres.as_ref().map_or(given, |own| own.url(name))
    }

    /// Makes a database, empty or as a copy of `template`, to which nobody may
    /// be connected at that moment. Returns its address.
    ///
    /// # Errors
    /// The name is taken, the template is in use, or the server is not our own.
    pub async fn create_database(&self, name: &str, template: Option<&str>) -> Result<String> {
        let own = self.postgres.as_ref().context("the database server is not our own")?;
        own.create_database(name, template).await?;
        Ok(own.url(name))
    }

    #[must_use]
    pub fn redis_url(&self) -> String {
        let given = self.given.redis_url.clone().unwrap_or_default();
        self.redis.as_ref().map_or(given, Redis::url)
    }

    /// # Panics
    /// Never: there is a bucket of one kind or the other.
    #[must_use]
    pub fn bucket(&self) -> BucketAccess {
        let own = self.bucket.as_ref().map(Bucket::access);
        own.or_else(|| self.given.bucket.clone()).expect("the bucket is either given or our own")
    }

    #[must_use]
    pub fn smtp_url(&self) -> String {
        let given = self.given.smtp_url.clone().unwrap_or_default();
        self.inbox.as_ref().map_or(given, |own| own.smtp_url().to_owned())
    }

    /// What a process of Forecourt must be told to live on these services and a database by this name. Whoever needs
    /// something else says it behind this: the last word about a variable counts.
    #[must_use]
    pub fn settings(&self, database: &str) -> Vec<(&'static str, String)> {
        let bucket = self.bucket();
        vec![
            ("DATABASE_URL", self.database_url(database)),
            ("REDIS_URL", self.redis_url()),
            ("S3_ENDPOINT", bucket.endpoint),
            ("S3_REGION", bucket.region),
            ("S3_BUCKET", bucket.name),
            ("S3_ACCESS_KEY_ID", bucket.access_key_id),
            ("S3_SECRET_ACCESS_KEY", bucket.secret_access_key),
            ("SMTP_URL", self.smtp_url()),
            ("MAIL_FROM", "Forecourt <forecourt@example.com>".to_owned()),
            ("PUBLIC_URL", "http://localhost:8080".to_owned()),
        ]
    }

    /// Our own PostgreSQL, unless one is given.
    #[must_use]
    pub fn postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref()
    }

    /// Our own Redis, unless one is given.
    #[must_use]
    pub fn redis(&self) -> Option<&Redis> {
        self.redis.as_ref()
    }

    /// Our own mail server, unless one is given.
    #[must_use]
    pub fn inbox(&self) -> Option<&Inbox> {
        self.inbox.as_ref()
    }

    /// Keeps a program running beside the services. Its log is in the data folder.
    #[must_use]
    pub fn run(&self, program: Program) -> Process {
        Process::start(program, &self.data_dir, self.console, &self.background.handle())
    }

    pub(crate) fn runtime(&self) -> Handle {
        self.background.handle()
    }

    /// Ends them in good order and waits for that.
    pub async fn stop(&self) {
        if let Some(redis) = &self.redis {
            redis.stop().await;
        }
        if let Some(postgres) = &self.postgres {
            postgres.stop().await;
        }
    }
}

/// A runtime that may be let go of anywhere, inside another runtime too.
struct Background(Option<Runtime>);

impl Background {
    fn start() -> Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).thread_name("services").enable_all();
        Ok(Self(Some(runtime.build()?)))
    }

    fn handle(&self) -> Handle {
        let runtime = self.0.as_ref().expect("it is taken only when dropped");
        runtime.handle().clone()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
