//! Metrics in Prometheus text form.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds; from one database round trip to a slow model.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Seconds; people answer within minutes or on the next day.
const ANSWER_BUCKETS: &[f64] = &[60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0, 86_400.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

fn install() -> Option<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)
        .ok()?
        .set_buckets_for_metric(Matcher::Full("waitlist_accept_seconds".to_owned()), ANSWER_BUCKETS)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_people_think_is_counted_in_hours_and_not_in_milliseconds() {
        start();
        metrics::histogram!("waitlist_accept_seconds").record(3_000.0);
        let page = render();
        assert!(page.contains("waitlist_accept_seconds_bucket{le=\"1800\"} 0"), "{page}");
        assert!(page.contains("waitlist_accept_seconds_bucket{le=\"3600\"} 1"), "{page}");
    }
}
