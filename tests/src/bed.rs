use std::{
    fs::File,
    sync::{Arc, LazyLock, OnceLock},
    time::{Duration, SystemTime},
};

use dev::{DataDir, Services, Setup};
use jobs::{NewJob, Queue, ticket::Tickets};
use migration::{Migrator, MigratorTrait};
use platform::{Settings, bucket::BucketSettings, settings::Secret};
use rules::waitlist::Terms;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, FromQueryResult, Statement};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workers::{Context, Pool, Registry};

static FOLDER: LazyLock<DataDir> = LazyLock::new(|| DataDir::scratch().unwrap());
static SERVICES: OnceCell<Services> = OnceCell::const_new();
const TEMPLATE: &str = "template_forecourt";

/// The servers of this test run.
pub async fn services() -> &'static Services {
    SERVICES
        .get_or_init(|| async {
            let services = Services::start(&FOLDER, Setup::for_tests()).await.unwrap();
            let url = services.create_database(TEMPLATE, None).await.unwrap();
            let db = Database::connect(url).await.unwrap();
            Migrator::up(&db, None).await.unwrap();
            // Nobody may be connected to a template.
            db.close().await.unwrap();
            services
        })
        .await
}

/// One test's share of the servers.
pub struct Bed {
    pub settings: Settings,
    pub db: DatabaseConnection,
    pub stop: CancellationToken,
    pools: std::sync::Mutex<Vec<tokio::task::JoinHandle<anyhow::Result<()>>>>,
    tickets: OnceLock<Tickets>,
}

/// A fresh bed.
pub async fn bed() -> Bed {
    let services = services().await;
    let name = format!("test_{}", Uuid::now_v7().simple());
    let url = services.create_database(&name, Some(TEMPLATE)).await.unwrap();
    let bucket = services.bucket();
    let bucket = BucketSettings {
        endpoint: Some(bucket.endpoint),
        region: bucket.region,
        name: name.replace('_', "-"),
        access_key_id: bucket.access_key_id,
        secret_access_key: Secret::new(bucket.secret_access_key),
    };
    std::fs::create_dir(FOLDER.path("s3").join(&bucket.name)).unwrap();
    let settings = Settings {
        database_url: Secret::new(url),
        database_connections: 20,
        redis_url: Secret::new(services.redis_url()),
        redis_prefix: format!("{name}:"),
        public_url: "http://localhost:8080".to_owned(),
        link_token_key: Secret::new([7; 32]),
        probe_listen: None,
        shutdown_grace: Duration::from_secs(5),
        waitlist_terms: Terms::default(),
        bucket,
    };
    let db = platform::database::connect(&settings).await.unwrap();
    Bed { settings, db, stop: CancellationToken::new(), pools: std::sync::Mutex::default(), tickets: OnceLock::new() }
}

impl Bed {
    /// Starts one process's worth of a pool inside this test.
    pub async fn work(&self, queue: Queue, registry: Registry) {
        self.work_with(queue, 8, registry).await;
    }

    /// Starts a pool with a concurrency of the test's choice.
    pub async fn work_with(&self, queue: Queue, concurrency: usize, registry: Registry) {
        let context = Arc::new(Context::start(self.settings.clone()).await.unwrap());
        let (stop, grace) = (self.stop.clone(), self.settings.shutdown_grace);
        let pool = tokio::spawn(Pool::serve(queue, concurrency, context, registry, stop, grace));
        self.pools.lock().unwrap().push(pool);
    }

    /// Stops the pools as SIGTERM would, and waits for them.
    pub async fn stop(&self) {
        self.stop.cancel();
        let pools = std::mem::take(&mut *self.pools.lock().unwrap());
        for pool in pools {
            pool.await.unwrap().unwrap();
        }
    }

    /// Hurries a worker to a job, as a front does.
    pub fn hurry(&self, job: &NewJob) {
        let tickets = self.tickets.get_or_init(|| Tickets::start(&self.settings.ticket_place()).unwrap());
        tickets.push(job.queue, job.id);
    }

    /// Makes an object look as if it had been put into the bucket three days ago.
    pub fn age(&self, key: &str) {
        let file = FOLDER.path("s3").join(&self.settings.bucket.name).join(key);
        let file = File::options().write(true).open(file).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3 * 24 * 60 * 60)).unwrap();
    }

    /// Runs SQL for its effect.
    pub async fn run(&self, sql: &str) {
        self.db.execute_unprepared(sql).await.unwrap();
    }

    /// The one number that a query gives.
    pub async fn number(&self, sql: &str) -> i64 {
        #[derive(FromQueryResult)]
        struct Number {
            number: i64,
        }
        let sql = format!("select ({sql})::bigint as number");
        let statement = Statement::from_string(sea_orm::DbBackend::Postgres, sql);
        Number::find_by_statement(statement).one(&self.db).await.unwrap().unwrap().number
    }

    /// Waits until a query gives this number.
    pub async fn until(&self, sql: &str, wanted: i64) {
        crate::until(&format!("`{sql}` is {wanted}"), || async { (self.number(sql).await == wanted).then_some(()) })
            .await;
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
