//! Metrics in Prometheus text form.

use std::{sync::OnceLock, time::Duration};

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

/// How often what a histogram was given is counted into its buckets. Until then every value is kept, about 20 bytes for each:
/// a process that nobody asks for its metrics would hold all of them.
const COUNTED_EVERY: Duration = Duration::from_secs(5);

/// Starts recording, once for a process, inside its runtime.
pub fn start() {
    start_and_count(COUNTED_EVERY);
}

fn start_and_count(every: Duration) {
    if let Some(recorder) = RECORDER.get_or_init(install) {
        tokio::spawn(count(recorder, every));
    }
}

async fn count(recorder: &PrometheusHandle, every: Duration) {
    let mut due = tokio::time::interval(every);
    loop {
        due.tick().await;
        recorder.run_upkeep();
    }
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
        render();
        metrics::histogram!("waitlist_accept_seconds").record(3_000.0);
        let page = render();
        assert!(page.contains("waitlist_accept_seconds_bucket{le=\"1800\"} 0"), "{page}");
        assert!(page.contains("waitlist_accept_seconds_bucket{le=\"3600\"} 1"), "{page}");
    }

    fn resident_pages() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn a_process_that_nobody_asks_for_its_metrics_does_not_grow() {
        const VALUES: usize = 500_000;
        start_and_count(Duration::from_millis(1));
        let measured = metrics::histogram!("nobody_asks_seconds");
        let round = async || {
            (0..VALUES).for_each(|_| measured.record(0.1));
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        round().await;
        let before = resident_pages();
        for _ in 0..10 {
            round().await;
        }
        // Kept, they were 24,600 pages of 4 KiB.
        let grown = resident_pages().saturating_sub(before);
        assert!(grown < 10_000, "{grown} pages more");
    }
}
