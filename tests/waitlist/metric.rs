//! What the waitlist is worth, as a dashboard reads it.

use metrics_exporter_prometheus::PrometheusBuilder;
use tests::done;

use super::yard::Yard;

/// The figure of a series, 0 before it was ever counted.
fn figure(page: &str, series: &str) -> f64 {
    let line = page.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

// On one thread, so that the recorder of this test hears its own workers and nobody else's.
#[tokio::test]
async fn offers_answers_time_to_accept_and_what_was_recovered_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    let _heard = metrics::set_default_local_recorder(&recorder);
    let yard = Yard::open().await;
    let [had, a, b, c] = yard.customers().await;
    let car = yard.car().await;
    yard.bed.run("update car set currency = 'SEK'").await;
    let taken = yard.book(had, car, 10, 12).await;
    for person in [a, b, c] {
        yard.wait(person, car, 10, 12).await;
    }
    yard.cancel(taken, had).await;
    done(yard.decline(&yard.offer().await).await);
    let silent = yard.offer().await;
    yard.run_out(silent.id).await;
    yard.bed.until("select count(*) from waitlist_offer where state = 'expired'", 1).await;
    let taken = yard.offer().await;
    yard.bed
        .run("update waitlist_offer set created_at = created_at - interval '90 seconds' where state = 'offered'")
        .await;
    done(yard.accept(&taken).await);
    // Nobody counts what was asked for twice.
    done(yard.accept(&taken).await);

    let page = page.render();
    let offers = |outcome: &str| figure(&page, &format!("waitlist_offers_total{{outcome=\"{outcome}\"}}"));
    assert_eq!(["made", "declined", "expired", "accepted", "revoked"].map(offers), [3.0, 1.0, 1.0, 1.0, 0.0], "{page}");
    assert_eq!(figure(&page, "waitlist_accept_seconds_count"), 1.0);
    let seconds = figure(&page, "waitlist_accept_seconds_sum");
    assert!((90.0..150.0).contains(&seconds), "{seconds} s");
    assert_eq!(figure(&page, "waitlist_recovered_total{currency=\"SEK\"}"), 11_900.0);
}
