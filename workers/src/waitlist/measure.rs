//! What the waitlist is worth, counted when it is committed.

use entity::waitlist_offer;

/// How an offer came to be or ended.
pub(crate) fn offers(outcome: &'static str, count: usize) {
    metrics::counter!("waitlist_offers_total", "outcome" => outcome).increment(count as u64);
}

/// An offer was accepted: how long that took, and what would have been lost without it.
pub(super) fn accepted(offer: &waitlist_offer::Model, now: chrono::DateTime<chrono::Utc>) {
    offers("accepted", 1);
    let seconds = (now - offer.created_at).as_seconds_f64();
    metrics::histogram!("waitlist_accept_seconds").record(seconds);
    recovered(offer.total, &offer.currency);
}

/// Freed time brought this much after all, in minor units.
pub(super) fn recovered(amount: i64, currency: &str) {
    let amount = u64::try_from(amount).unwrap_or_default();
    metrics::counter!("waitlist_recovered_total", "currency" => currency.to_owned()).increment(amount);
}
