//! Whether what was done is there, once.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::{
    Counts,
    truth::{Job, Truth},
};

pub(super) fn judge(counts: &mut Counts, truth: &Truth) {
    counts.lost_effect +=
        truth.missing_objects + unbooked(truth) + unreserved(truth) + unannounced(truth) + untold(truth);
    counts.dup_effect += truth.doubled_rows;
}

fn id(value: &Value) -> Option<Uuid> {
    value.as_str()?.parse().ok()
}

/// Bookings that were promised and are not in the table.
fn unbooked(truth: &Truth) -> usize {
    let done = truth.jobs.iter().filter(|job| job.kind == "request_booking" && job.is_done());
    let lacks = |job: &&Job| {
        let promised = job.outcome.as_ref().is_none_or(|outcome| outcome["result"] == "done");
        promised && id(&job.payload["booking_id"]).is_none_or(|id| !truth.bookings.contains_key(&id))
    };
    done.filter(lacks).count()
}

/// Bookings that hold no time.
fn unreserved(truth: &Truth) -> usize {
    truth.bookings.values().filter(|row| matches!(row.status.as_str(), "Confirmed" | "Active") && !row.reserved).count()
}

/// Bookings about which nobody was to be told.
fn unannounced(truth: &Truth) -> usize {
    let announced = |job: &&Job| job.kind == "announce" && job.payload["news"] == "booking_confirmed";
    let told: BTreeSet<Uuid> =
        truth.jobs.iter().filter(announced).filter_map(|job| id(&job.payload["subject_id"])).collect();
    truth.bookings.keys().filter(|id| !told.contains(id)).count()
}

/// Announcements without a mail job for each of their recipients.
fn untold(truth: &Truth) -> usize {
    let mails = |subject: &Value, news: &Value| {
        let same = |job: &&Job| {
            job.kind == "send_mail" && job.payload["subject_id"] == *subject && job.payload["news"] == *news
        };
        truth.jobs.iter().filter(same).count() as u64
    };
    let done = truth.jobs.iter().filter(|job| job.kind == "announce" && job.is_done());
    let lacks = |job: &&Job| {
        let recipients = job.document().and_then(|document| document["recipients"].as_u64()).unwrap_or(0);
        mails(&job.payload["subject_id"], &job.payload["news"]) < recipients
    };
    done.filter(lacks).count()
}
