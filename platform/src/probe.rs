//! `/livez`, `/readyz` and `/metrics`, alike for every process.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use jobs::ledger;
use poem::{Endpoint, EndpointExt, IntoResponse, Response, Route, get, handler, http::StatusCode, web::Data};
use sea_orm::DatabaseConnection;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http;

type Check = dyn Fn() -> Result<(), String> + Send + Sync;

/// What the probes of a process look at.
#[derive(Clone)]
pub struct Probe {
    db: DatabaseConnection,
    stop: CancellationToken,
    check: Arc<Check>,
}

impl Probe {
    pub fn new(db: DatabaseConnection, stop: CancellationToken) -> Self {
        Self { db, stop, check: Arc::new(|| Ok(())) }
    }

    /// Adds what else must hold for this process to be ready; the error says what does not.
    #[must_use]
    pub fn requiring(mut self, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.check = Arc::new(check);
        self
    }

    /// The three addresses.
    pub fn routes(&self) -> impl Endpoint + use<> {
        Route::new().at("/livez", get(livez)).at("/readyz", get(readyz)).at("/metrics", get(metrics)).data(self.clone())
    }

    /// Serves the addresses until the process stops.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn serve(self, listen: SocketAddr) -> anyhow::Result<()> {
        let listener = TcpListener::bind(listen).await?;
        Ok(http::serve(listener, self.routes(), self.stop.clone(), Duration::from_secs(1)).await?)
    }
}

/// The process turns. No dependency is asked, or an outage of the database would restart everything at once.
#[handler]
fn livez() -> &'static str {
    "ok"
}

#[handler]
async fn readyz(Data(probe): Data<&Probe>) -> Response {
    let ready = if probe.stop.is_cancelled() {
        Err("stopping".to_owned())
    } else {
        match (probe.check)() {
            Ok(()) => crate::database::ready(&probe.db).await.map_err(|error| error.to_string()),
            Err(words) => Err(words),
        }
    };
    match ready {
        Ok(()) => "ok".into_response(),
        Err(words) => (StatusCode::SERVICE_UNAVAILABLE, words).into_response(),
    }
}

#[handler]
async fn metrics(Data(probe): Data<&Probe>) -> Response {
    if let Ok(Ok(depths)) = tokio::time::timeout(Duration::from_secs(2), ledger::depth(&probe.db)).await {
        record(&depths);
    }
    crate::metric::render().with_content_type("text/plain; version=0.0.4").into_response()
}

fn record(depths: &[ledger::Depth]) {
    // A queue that emptied has no row: it must be set back, not left standing.
    for queue in jobs::Queue::ALL {
        let find = |state: &str| depths.iter().find(|depth| depth.queue == queue.as_str() && depth.state == state);
        for state in ["ready", "running", "dead"] {
            #[expect(clippy::cast_precision_loss, reason = "a gauge of 2^53 jobs is good enough")]
            let jobs = find(state).map_or(0.0, |depth| depth.jobs as f64);
            ::metrics::gauge!("jobs_state", "queue" => queue.as_str(), "state" => state).set(jobs);
        }
        let oldest = find("ready").map_or(0.0, |depth| depth.oldest_seconds);
        ::metrics::gauge!("jobs_oldest_age_seconds", "queue" => queue.as_str()).set(oldest);
    }
}
