//! The wire: kinds are unique, every kind is performed by one pool, every pool is in the Procfile.

use std::collections::HashSet;

use jobs::{Job, Queue};
use serde_json::{Value, json};
use uuid::Uuid;

#[test]
fn every_queue_has_a_binary_and_a_line_in_the_procfile() {
    let procfile = include_str!("../Procfile");
    for queue in Queue::ALL {
        assert!(procfile.lines().any(|line| line.starts_with(&format!("{queue}:"))), "{queue} is not in the Procfile");
    }
}

#[test]
fn every_kind_is_performed_and_only_once() {
    // `with` panics on a kind that is there twice.
    let registry = workers::registry();
    let kinds: HashSet<_> = registry.performers().map(|performer| performer.kind).collect();
    assert!(!kinds.is_empty());
    assert_eq!(kinds.len(), registry.performers().count());
}

/// The JSON of a kind as the previous release wrote it still parses, and parses to the same thing.
fn pinned<J: Job>(kind: &str, payload: Value) {
    assert_eq!(J::KIND, kind, "a kind's name is frozen");
    let read: J = serde_json::from_value(payload.clone()).unwrap_or_else(|error| panic!("{kind}: {error}"));
    let written = serde_json::to_value(&read).unwrap();
    for (name, value) in payload.as_object().unwrap() {
        assert_eq!(&written[name], value, "{kind}.{name}");
    }
}

#[test]
fn the_json_of_every_kind_is_pinned() {
    use jobs::{account, booking, car, damage, notify, photo, rental, waitlist};
    let id = Uuid::from_u128(7);
    let asker = json!({ "account_id": id, "staff": false, "ip": null, "user_agent": null });
    pinned::<account::RegisterAccount>("register_account", json!({ "registration_id": id }));
    pinned::<account::AddStaff>("add_staff", json!({ "registration_id": id, "role": "admin", "added_by": id }));
    pinned::<account::ChangeProfile>("change_profile", json!({ "account_id": id, "name": "A" }));
    pinned::<booking::RequestBooking>(
        "request_booking",
        json!({ "booking_id": id, "car_id": id, "customer_id": id,
                "start": "2027-01-01T10:00:00Z", "end": "2027-01-02T10:00:00Z" }),
    );
    let (start, end) = ("2027-01-01T10:00:00Z", "2027-01-02T10:00:00Z");
    pinned::<booking::ChangeBooking>(
        "change_booking",
        json!({ "booking_id": id, "changed_by": id, "car_id": null, "start": start, "end": null }),
    );
    pinned::<booking::ChangeBooking>("change_booking", json!({ "booking_id": id, "changed_by": id }));
    pinned::<booking::ExtendBooking>("extend_booking", json!({ "booking_id": id, "extended_by": id, "end": end }));
    pinned::<booking::CheckOverdue>("check_overdue", json!({ "booking_id": id, "due": end }));
    pinned::<booking::EscalateOverdue>("escalate_overdue", json!({ "booking_id": id, "due": end }));
    pinned::<booking::ResolveConflict>("resolve_conflict", json!({ "booking_id": id, "car_id": id, "turn": 3 }));
    pinned::<booking::CancelBooking>("cancel_booking", json!({ "booking_id": id, "cancelled_by": id }));
    pinned::<booking::ReleaseNoShow>("release_no_show", json!({ "booking_id": id }));
    pinned::<booking::ReleaseNoShow>("release_no_show", json!({ "booking_id": id, "start": start }));
    pinned::<car::AddCar>(
        "add_car",
        json!({ "car_id": id, "added_by": id, "make": "VW", "model": "Golf", "year": 2025, "plate": "B-1",
                "category": "compact", "seats": 5, "fuel_type": "petrol",
                "price_per_day": { "amount": 4900, "currency": "EUR" } }),
    );
    pinned::<car::ChangeCar>("change_car", json!({ "car_id": id, "changed_by": id, "seats": 4 }));
    pinned::<car::BlockCar>(
        "block_car",
        json!({ "block_id": id, "car_id": id, "blocked_by": id, "start": start, "end": end,
                "purpose": "maintenance", "reason": "new tyres" }),
    );
    pinned::<car::UnblockCar>("unblock_car", json!({ "block_id": id, "car_id": id, "unblocked_by": id }));
    pinned::<car::RetireCar>("retire_car", json!({ "car_id": id, "retired_by": id }));
    pinned::<car::AddBranch>("add_branch", json!({ "branch_id": id, "added_by": id, "name": "N", "time_zone": "UTC" }));
    pinned::<rental::PickUpCar>("pick_up_car", json!({ "booking_id": id, "asker": asker, "odometer": 1, "fuel": 0.5 }));
    pinned::<rental::OpenReturn>("open_return", json!({ "return_id": id, "booking_id": id, "asker": asker }));
    pinned::<rental::ReturnCar>("return_car", json!({ "return_id": id, "asker": asker, "odometer": 1, "fuel": 0.5 }));
    pinned::<rental::ReportReturn>("report_return", json!({ "return_id": id }));
    pinned::<rental::DecideReturn>("decide_return", json!({ "return_id": id, "decided_by": id, "verdict": "clear" }));
    pinned::<damage::ReplaceDamageMatrix>(
        "replace_damage_matrix",
        json!({ "currency": "EUR", "lines": [{ "class": "dent", "severity": "minor", "amount": 1 }], "replaced_by": id }),
    );
    pinned::<damage::AcceptDamage>("accept_damage", json!({ "case_id": id, "customer_id": id }));
    pinned::<damage::DisputeDamage>("dispute_damage", json!({ "case_id": id, "customer_id": id, "words": "W" }));
    pinned::<damage::DisputeDamage>(
        "dispute_damage",
        json!({ "case_id": id, "customer_id": id, "words": "W", "ip": "1", "user_agent": "A", "photos":
                [{ "photo_id": id, "object_key": "K", "content_type": "image/jpeg", "size": 1, "sha256": "00" }] }),
    );
    pinned::<damage::SettleDamage>(
        "settle_damage",
        json!({ "case_id": id, "settled_by": id, "settlement": "reduced", "amount": 1, "reason": "R" }),
    );
    pinned::<damage::ExportEvidence>("export_evidence", json!({ "case_id": id, "exported_by": id }));
    pinned::<damage::EndDisputeWindow>("end_dispute_window", json!({ "case_id": id }));
    pinned::<photo::MakeThumbnails>("make_thumbnails", json!({ "photo_id": id }));
    pinned::<photo::DetectDamage>("detect_damage", json!({ "photo_id": id }));
    pinned::<photo::ForgetUploads>("forget_uploads", json!({ "before": "2027-01-01T10:00:00Z" }));
    pinned::<notify::Announce>("announce", json!({ "news": "booking_confirmed", "subject_id": id }));
    pinned::<notify::SendMail>("send_mail", json!({ "news": "return_reported", "subject_id": id, "account_id": id }));
    pinned::<notify::ReadNotification>("read_notification", json!({ "account_id": id, "notification_id": id }));
    pinned::<notify::SendDigest>("send_digest", json!({ "account_id": id, "first_call": 1 }));
    pinned::<waitlist::PromoteWaitlist>("promote_waitlist", json!({ "car_id": id }));
    let window = json!({ "window": { "start": "2027-01-01T10:00:00Z", "end": "2027-01-02T10:00:00Z" } });
    let join = json!({ "entry_id": id, "customer_id": id, "target": { "car": { "car_id": id } }, "wish": window });
    let read: waitlist::JoinWaitlist = serde_json::from_value(join).unwrap();
    assert_eq!((waitlist::JoinWaitlist::KIND, read.price_cap), ("join_waitlist", None));
    pinned::<waitlist::JoinWaitlist>(
        "join_waitlist",
        json!({ "entry_id": id, "customer_id": id, "price_cap": 9900,
                "target": { "class": { "category": "compact", "branch_id": id, "or_better": true } },
                "wish": { "asap": { "days": 2, "latest_start": "2027-01-01T10:00:00Z" } } }),
    );
    pinned::<waitlist::LeaveWaitlist>("leave_waitlist", json!({ "entry_id": id, "left_by": id }));
    pinned::<waitlist::RejoinWaitlist>("rejoin_waitlist", json!({ "entry_id": id, "customer_id": id }));
    pinned::<waitlist::AcceptOffer>("accept_offer", json!({ "offer_id": id, "booking_id": id, "customer_id": id }));
    pinned::<waitlist::BookFreeTime>(
        "book_free_time",
        json!({ "entry_id": id, "customer_id": id, "booking_id": id, "car_id": id,
                "start": "2026-05-04T08:00:00Z", "end": "2026-05-07T08:00:00Z", "total": 11_900 }),
    );
    pinned::<waitlist::DeclineOffer>("decline_offer", json!({ "offer_id": id, "customer_id": id }));
    pinned::<waitlist::ExpireOffer>("expire_offer", json!({ "offer_id": id }));
    pinned::<waitlist::CloseEntry>("close_entry", json!({ "entry_id": id }));
    pinned::<waitlist::OfferToEntry>(
        "offer_to_entry",
        json!({ "offer_id": id, "entry_id": id, "car_id": id, "offered_by": id, "reason": "R" }),
    );
    pinned::<waitlist::PrioritizeEntry>(
        "prioritize_entry",
        json!({ "entry_id": id, "priority": 5, "prioritized_by": id, "reason": "R" }),
    );
    pinned::<waitlist::RevokeOffer>("revoke_offer", json!({ "offer_id": id, "revoked_by": id, "reason": "R" }));
    pinned::<waitlist::ReinstateEntry>(
        "reinstate_entry",
        json!({ "entry_id": id, "reinstated_by": id, "reason": "R" }),
    );
    for of in [json!({ "car": id }), json!({ "branch": id })] {
        let pause = json!({ "of": of, "paused": true, "paused_by": id, "reason": "R" });
        pinned::<waitlist::PauseWaitlist>("pause_waitlist", pause);
    }
}
