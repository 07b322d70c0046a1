//! Metrics in Prometheus text form.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds; from one database round trip to a slow model.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

fn install() -> Option<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)
        .ok()?
        .install_recorder()
        .ok()
}

/// Starts recording; harmless when it runs already.
pub fn start() {
    RECORDER.get_or_init(install);
}

/// Everything recorded so far.
pub fn render() -> String {
    RECORDER.get_or_init(install).as_ref().map(PrometheusHandle::render).unwrap_or_default()
}
