//! `/livez`, `/readyz` and `/metrics`, alike for every process.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use jobs::ledger;
use poem::{Endpoint, EndpointExt, IntoResponse, Response, Route, get, handler, http::StatusCode, web::Data};
use sea_orm::DatabaseConnection;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http;

/// What the probes of a process look at.
#[derive(Clone)]
pub struct Probe {
    db: DatabaseConnection,
    stop: CancellationToken,
}

impl Probe {
    pub fn new(db: DatabaseConnection, stop: CancellationToken) -> Self {
        Self { db, stop }
    }

    /// The three addresses.
    pub fn routes(&self) -> impl Endpoint + use<> {
        Route::new().at("/livez", get(livez)).at("/readyz", get(readyz)).at("/metrics", get(metrics)).data(self.clone())
    }

    /// Serves the addresses until the process stops, beside whatever the process does.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn serve(self, listen: SocketAddr) -> anyhow::Result<()> {
        let listener = TcpListener::bind(listen).await;
        let listener = listener.with_context(|| format!("PROBE_LISTEN: cannot listen on {listen}"))?;
        tokio::spawn(async move {
            let served = http::serve(listener, self.routes(), self.stop.clone(), Duration::from_secs(1)).await;
            if let Err(error) = served {
                tracing::error!(%error, "the probes are not served any more");
            }
        });
        Ok(())
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
        crate::database::ready(&probe.db).await.map_err(|error| error.to_string())
    };
    match ready {
        Ok(()) => "ok".into_response(),
        Err(words) => (StatusCode::SERVICE_UNAVAILABLE, words).into_response(),
    }
}

#[handler]
async fn metrics(Data(probe): Data<&Probe>) -> Response {
    let depths = tokio::time::timeout(Duration::from_secs(2), ledger::depth(&probe.db)).await;
    let depths = depths.ok().and_then(Result::ok);
    ::metrics::gauge!("database_up").set(if depths.is_some() { 1.0 } else { 0.0 });
    record(depths.as_deref());
    crate::metric::render().with_content_type("text/plain; version=0.0.4").into_response()
}

/// `None`: the database does not answer. Nobody knows then, and the last values would say that all is well.
fn record(depths: Option<&[ledger::Depth]>) {
    for queue in jobs::Queue::ALL {
        // A queue that emptied has no row: it must be set back, not left standing.
        let sum = |value: fn(&ledger::Depth) -> f64, state: &str| match depths {
            Some(depths) => {
                let found = depths.iter().find(|depth| depth.queue == queue.as_str() && depth.state == state);
                found.map_or(0.0, value)
            }
            None => f64::NAN,
        };
        for state in ["ready", "running", "abandoned", "dead"] {
            #[expect(clippy::cast_precision_loss, reason = "a gauge of 2^53 jobs is good enough")]
            let jobs = sum(|depth| depth.jobs as f64, state);
            ::metrics::gauge!("jobs_state", "queue" => queue.as_str(), "state" => state).set(jobs);
        }
        let oldest = sum(|depth| depth.oldest_seconds, "ready").max(sum(|depth| depth.oldest_seconds, "abandoned"));
        ::metrics::gauge!("jobs_oldest_age_seconds", "queue" => queue.as_str()).set(oldest);
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn a_job_whose_worker_is_gone_waits_and_nobody_knows_while_the_database_is_away() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let told = |depths: Option<&[ledger::Depth]>, line: &str| {
            ::metrics::with_local_recorder(&recorder, || record(depths));
            let text = recorder.handle().render();
            text.lines().find_map(|told| told.strip_prefix(line)).map(|value| value.trim().to_owned())
        };
        let (queue, state) = ("damage".to_owned(), "abandoned".to_owned());
        let left = [ledger::Depth { queue, state, jobs: 4, oldest_seconds: 61.0 }];
        let (age, jobs) =
            ("jobs_oldest_age_seconds{queue=\"damage\"}", "jobs_state{queue=\"damage\",state=\"abandoned\"}");
        assert_eq!([age, jobs].map(|line| told(Some(&left), line).unwrap()), ["61", "4"]);
        assert_eq!([age, jobs].map(|line| told(None, line).unwrap()), ["NaN", "NaN"]);
        assert_eq!([age, jobs].map(|line| told(Some(&[]), line).unwrap()), ["0", "0"]);
    }
}
