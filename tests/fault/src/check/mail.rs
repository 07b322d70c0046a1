//! What arrived in the inbox, against what was said to have been sent.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Counts, truth::Truth};

pub(super) fn judge(counts: &mut Counts, truth: &Truth) {
    let arrived: Vec<&str> = truth.mails.iter().filter_map(|mail| mail.message_id.as_deref()).collect();
    let ids: BTreeSet<&str> = arrived.iter().copied().collect();
    counts.mail_repeats = arrived.len() - ids.len();
    // The admin's mails are not told apart by scenario here; the customers' are.
    let admin = truth.accounts.get(crate::ground::ADMIN).map(Uuid::to_string).unwrap_or_default();
    let ours = truth.deliveries.iter().filter(|sent| !sent.message_id.contains(&admin));
    counts.lost_effect += ours.filter(|sent| !ids.contains(sent.message_id.as_str())).count();
    counts.phantom += ids.iter().filter(|id| !is_about_something(id, truth)).count();
    counts.mail_ids = told_twice(truth);
}

/// A Message-ID names what the mail is about: that must exist.
fn is_about_something(message_id: &str, truth: &Truth) -> bool {
    let Some(subject) = message_id.split('.').nth(1).and_then(|text| text.parse::<Uuid>().ok()) else { return true };
    truth.bookings.contains_key(&subject)
        || truth.returns.contains(&subject)
        || truth.waiting.contains(&subject)
        || truth.accounts.values().any(|id| *id == subject)
}

/// Events by what a reader sees of them: the recipient, and a subject line with a booking's number.
fn told_twice(truth: &Truth) -> usize {
    let mut events: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for mail in truth.mails.iter().filter(|mail| mail.subject.contains("BK-")) {
        let to = mail.to.first().map(String::as_str).unwrap_or_default();
        events.entry((to, &mail.subject)).or_default().extend(mail.message_id.as_deref());
    }
    events.values().filter(|ids| ids.len() > 1).count()
}
