//! Metrics in Prometheus text form.

use std::{sync::OnceLock, time::Duration};

use jobs::Queue;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds; from one database round trip to a slow model.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Seconds; people answer within minutes or on the next day.
const ANSWER_BUCKETS: &[f64] = &[60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0, 86_400.0];

/// What each of them tells.
const HELP: [(&str, &str); 27] = [
    ("clock_last_round_timestamp_seconds", "When what is due by time of day was last looked for."),
    ("database_up", "Whether the database answered when these were asked for."),
    ("db_retry_total", "Transactions that were begun again, because others were in their way."),
    ("http_connections", "Connections that are open now."),
    ("http_request_duration_seconds", "From a request to its answer."),
    ("http_requests_total", "Requests that were answered."),
    ("idempotency_replays_total", "Writes that came again under their key, and were answered from the first time."),
    ("jobs_accepted_total", "Jobs that were written down for whoever asked."),
    ("jobs_attempts_total", "Attempts at jobs, by how they ended."),
    ("jobs_crashes_total", "Jobs that were found with a worker that is gone."),
    ("jobs_fence_rejected_total", "Effects that were rolled back: somebody else had the job by then."),
    ("jobs_lease_lost_total", "Attempts that were stopped, because their lease was lost."),
    ("jobs_oldest_age_seconds", "How long the oldest due job has waited, or one whose worker is gone."),
    ("jobs_process_duration_seconds", "From the beginning of an attempt to its end."),
    ("jobs_start_latency_seconds", "From when a job was due to its claim."),
    ("jobs_state", "How many jobs are in a state now."),
    ("jobs_swept_total", "Jobs that no ticket brought."),
    ("mail_total", "Mails that the mail server took, or will never take."),
    ("password_guesses_refused_total", "Logins that were refused after too many wrong passwords for their account."),
    ("password_guesses_uncounted_total", "Passwords that were checked without counting, because Redis was away."),
    ("photos_looked_at_total", "Photos that were analysed, or could not be."),
    ("redis_up", "Whether Redis answered this worker within the last seconds."),
    ("registrations_refused_total", "Registrations that were refused after too many from one address."),
    ("upload_rejected_total", "Photos that were refused, by the reason."),
    ("waitlist_accept_seconds", "From an offer to its acceptance."),
    ("waitlist_offers_total", "Offers of freed time, by what became of them."),
    ("waitlist_recovered_total", "What accepted offers came to, in minor units."),
];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

fn install() -> Option<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)
        .ok()?
        .set_buckets_for_metric(Matcher::Full("waitlist_accept_seconds".to_owned()), ANSWER_BUCKETS)
        .ok()?
        .install_recorder()
        .ok()?;
    describe();
    begin();
    Some(recorder)
}

fn describe() {
    for (name, words) in HELP {
        // The exporter keeps one text for a name, whatever it counts.
        metrics::describe_gauge!(name, words);
    }
}

/// What alerts look at is there from the beginning: a counter that first appears at one has not grown.
fn begin() {
    for queue in Queue::ALL {
        metrics::counter!("jobs_crashes_total", "queue" => queue.as_str()).increment(0);
    }
    metrics::counter!("jobs_fence_rejected_total").increment(0);
    metrics::counter!("jobs_lease_lost_total").increment(0);
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
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    #[test]
    fn how_long_people_think_is_counted_in_hours_and_not_in_milliseconds() {
        render();
        metrics::histogram!("waitlist_accept_seconds").record(3_000.0);
        let page = render();
        assert!(page.contains("waitlist_accept_seconds_bucket{le=\"1800\"} 0"), "{page}");
        assert!(page.contains("waitlist_accept_seconds_bucket{le=\"3600\"} 1"), "{page}");
    }

    #[test]
    fn what_alerts_look_at_begins_at_nothing_and_says_what_it_is() {
        let page = render();
        assert!(page.contains("# HELP jobs_crashes_total Jobs that"), "{page}");
        assert!(page.contains("jobs_crashes_total{queue=\"booking\"} 0"), "{page}");
    }

    #[test]
    fn everything_that_is_measured_is_explained_here_and_in_the_operations_guide() {
        let house = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let guide = std::fs::read_to_string(house.join("docs/OPERATIONS.md")).unwrap();
        let mut measured = BTreeSet::new();
        for name in ["api", "jobs", "platform", "workers"] {
            collect(&house.join(name).join("src"), &mut measured);
        }
        let explained: BTreeSet<String> = HELP.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(measured, explained);
        let missing: Vec<_> = measured.iter().filter(|name| !guide.contains(&format!("`{name}"))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    /// The names of what the sources below a folder measure, but for this module's own trials.
    fn collect(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, names);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for kind in ["counter!(\"", "gauge!(\"", "histogram!(\""] {
                let found = text.split(kind).skip(1).filter_map(|rest| rest.split('"').next());
                names.extend(found.filter(|name| !name.starts_with("nobody_asks")).map(str::to_owned));
            }
        }
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
