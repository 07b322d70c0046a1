//! A car goes out and comes back, as those concerned would say it.

mod clear;
mod desk;
mod evidence;
mod give_way;
mod lot;
mod matrix;
mod no_car;
mod retake;
mod time;
mod upload;
mod viewpoint;
mod wait;

use dev::picture::{Mark, Scene, Side, Wound};
use lot::{Lot, photo, round};
use rules::rental::{Slot, Verdict};
use serde_json::{Value, json};
use tests::{done, refused};

const SCRATCH: Mark = Mark { wound: Wound::Scratch, x: 0.58, y: 0.58, w: 0.1, h: 0.06 };

/// The four sides with a scratch on the left.
fn scratched(seed: u64) -> Vec<(Slot, Vec<u8>)> {
    let mut scenes = round(seed);
    scenes[2].1 = photo(&Scene::new(Side::Left, seed).with(SCRATCH));
    scenes
}

fn jobs_of(kind: &str, state: &str) -> String {
    format!("select count(*) from job where kind = '{kind}' and state = '{state}'")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_scratch_is_found_reported_once_and_decided_by_a_person() {
    let lot = Lot::open().await;
    let active = done(lot.pick_up(&round(1)).await);
    assert_eq!(active["status"], "Active");

    let return_id = lot.bring(&scratched(2)).await;
    let inspecting = done(lot.ask(&lot.give_back(return_id)).await);
    assert_eq!((&inspecting["state"], &inspecting["lateMinutes"]), (&json!("inspecting"), &json!(0)));
    let again = done(lot.ask(&lot.give_back(return_id)).await);
    assert_eq!(again["returnedAt"], inspecting["returnedAt"], "a second press of the button changes nothing");

    let report = lot.report(return_id).await;
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{report:#}");
    assert_eq!((&findings[0]["number"], &findings[0]["side"]), (&json!(1), &json!("left")));
    assert_eq!((&findings[0]["class"], &findings[0]["novelty"]), (&json!("scratch"), &json!("new")));
    assert_eq!(report["notAnalysed"], Value::Null);
    assert_eq!(report["matrixVersion"], 1);
    assert_eq!(findings[0]["suggestedEstimate"], json!({ "amount": 18_000, "currency": "EUR" }), "{report:#}");
    assert_eq!(lot.bed.number("select count(*) from derivative").await, 8 * 3);
    let mails = "select count(*) from job where kind = 'announce' and payload->>'news' = 'return_reported'";
    assert_eq!(lot.bed.number(mails).await, 1);

    assert_eq!(lot.bed.number("select count(*) from damage_case where state = 'open'").await, 1);

    let incomplete = refused(lot.ask(&lot.verdict(return_id, Verdict::Damage)).await);
    let pointers: Vec<_> = incomplete.errors.iter().map(|reason| reason.pointer.as_str()).collect();
    assert_eq!(pointers, ["/note", "/findings"]);

    let mut damage = lot.verdict(return_id, Verdict::Damage);
    damage.note = Some("scratch on the rear door".to_owned());
    let wear = json!({ "number": 1, "severity": "cosmetic", "estimate": 18_000 });
    damage.findings = vec![wear, json!({ "number": 1, "severity": "minor", "estimate": 18_000 })];
    let doubt = refused(lot.ask(&damage).await);
    let pointers: Vec<_> = doubt.errors.iter().map(|reason| reason.pointer.as_str()).collect();
    assert_eq!(pointers, ["/findings/0/estimate", "/findings/1/number"], "wear is free, and a finding counts once");

    damage.findings = vec![json!({ "number": 1, "severity": "minor", "estimate": 18_000 })];
    let decided = done(lot.ask(&damage).await);
    assert_eq!((&decided["state"], &decided["decision"]["verdict"]), (&json!("decided"), &json!("damage")));
    assert_eq!(decided["decision"]["matrixVersion"], 1);
    let register = "select count(*) from damage where side = 'left' and class = 'scratch' and estimate = 18000";
    assert_eq!(lot.bed.number(register).await, 1);
    assert_eq!(lot.bed.number("select count(*) from booking where status = 'Completed'").await, 1);
    let case = "select count(*) from damage_case where state = 'confirmed' and amount = 18000";
    assert_eq!(lot.bed.number(case).await, 1);

    let late = refused(lot.ask(&lot.verdict(return_id, Verdict::Clear)).await);
    assert_eq!((late.code.as_str(), late.extra["decidedBy"].as_str()), ("already_decided", Some("A admin")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scratch_that_was_there_at_pick_up_is_known_and_a_clean_return_is_cleared() {
    let lot = Lot::open().await;
    done(lot.pick_up(&scratched(1)).await);
    let mut give_back = lot.give_back(uuid::Uuid::now_v7());
    give_back.booking_id = Some(lot.booking);
    for (slot, jpeg) in scratched(2) {
        give_back.photos.push(lot.upload(slot, &jpeg).await);
    }
    let returned = done(lot.ask(&give_back).await);
    let return_id = serde_json::from_value(returned["id"].clone()).unwrap();

    let report = lot.report(return_id).await;
    assert_eq!(report["findings"][0]["novelty"], "known", "{report:#}");
    let mut by_customer = lot.verdict(return_id, Verdict::Clear);
    by_customer.decided_by = lot.customer;
    assert_eq!(refused(lot.ask(&by_customer).await).code, "forbidden");
    lot.bed.run(&format!("update account set role = 'admin' where id = '{}'", lot.customer)).await;
    assert_eq!(refused(lot.ask(&by_customer).await).code, "forbidden", "nobody decides about their own rental");

    let decided = done(lot.ask(&lot.verdict(return_id, Verdict::Clear)).await);
    assert_eq!(decided["decision"]["verdict"], "clear");
    assert_eq!(lot.bed.number("select count(*) from damage_case").await, 0, "what was known asks no question");
    let freed = "select count(*) from reservation where ends_at < now() + interval '61 minutes'";
    assert_eq!(lot.bed.number(freed).await, 1, "an early return gives the rest of the time back");
    assert_eq!(lot.bed.number("select count(*) from rental_return where released_at is not null").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_side_is_named_and_can_be_brought_later() {
    let lot = Lot::open().await;
    done(lot.pick_up(&[]).await);
    let scenes = round(2);
    let return_id = lot.bring(&scenes[..3]).await;
    let missing = refused(lot.ask(&lot.give_back(return_id)).await);
    assert_eq!((missing.code.as_str(), &missing.extra["missing"]), ("photos_missing", &json!(["right"])));
    assert!(missing.detail.contains("right"), "{}", missing.detail);

    assert_eq!(lot.bring(&scenes[3..]).await, return_id, "the return stays the same");
    done(lot.ask(&lot.give_back(return_id)).await);
    let report = lot.report(return_id).await;
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("There are no pick-up photos, so nothing can be charged."), "{warnings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_for_on_a_side_of_which_the_pick_up_has_no_photo() {
    let lot = Lot::open().await;
    done(lot.pick_up(&[&round(1)[..2], &round(1)[3..]].concat()).await);
    let return_id = lot.bring(&scratched(2)).await;
    done(lot.ask(&lot.give_back(return_id)).await);
    let warnings = lot.report(return_id).await["warnings"].to_string();
    assert!(warnings.contains("no pick-up photo of the left side, so nothing on it can be charged"), "{warnings}");
    let mut damage = lot.verdict(return_id, Verdict::Damage);
    damage.note = Some("all around".to_owned());
    let seen = |side: &str, estimate: i64| json!({ "side": side, "class": "scratch", "severity": "minor", "estimate": estimate });
    damage.findings = vec![seen("left", 18_000), seen("front", 5_000), seen("roof", 3_000)];
    done(lot.ask(&damage).await);
    let asked = "select count(*) from damage_case where estimate = 26000 and amount = 8000";
    assert_eq!(lot.bed.number(asked).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_return_is_answered_again_and_takes_nothing_else() {
    let lot = Lot::open().await;
    done(lot.pick_up(&[]).await);
    let mut give_back = lot.give_back(uuid::Uuid::now_v7());
    give_back.booking_id = Some(lot.booking);
    let form = async |scenes: Vec<(Slot, Vec<u8>)>| {
        let mut photos = Vec::new();
        for (slot, jpeg) in scenes {
            photos.push(lot.upload(slot, &jpeg).await);
        }
        photos
    };
    give_back.photos = form(round(2)).await;
    let first = done(lot.ask(&give_back).await);
    give_back.photos = form(round(2)).await;
    assert_eq!(done(lot.ask(&give_back).await)["id"], first["id"]);

    let mut late = jobs::rental::ReturnCar { photos: form(round(3)).await, ..give_back.clone() };
    let refusal = refused(lot.ask(&late).await);
    assert_eq!(refusal.code, "illegal_state");
    assert!(refusal.detail.contains("nothing of these was taken"), "{}", refusal.detail);
    late = jobs::rental::ReturnCar { odometer: 10_300, ..give_back.clone() };
    assert_eq!(refused(lot.ask(&late).await).code, "illegal_state");
    let complete =
        jobs::rental::ReturnCar { fuel: 0.25, ..lot.give_back(serde_json::from_value(first["id"].clone()).unwrap()) };
    assert_eq!(refused(lot.ask(&complete).await).code, "illegal_state");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_locks_in_the_order_of_everybody() {
    let lot = Lot::unwatched().await;
    done(lot.pick_up(&round(1)).await);
    let return_id = lot.bring(&scratched(2)).await;
    done(lot.ask(&lot.give_back(return_id)).await);
    // Whoever decides has the car already, and comes to the return last.
    let decides = sea_orm::TransactionTrait::begin(&lot.bed.db).await.unwrap();
    let lock = async |sql: &str| sea_orm::ConnectionTrait::execute_unprepared(&decides, sql).await;
    lock("set local idle_in_transaction_session_timeout = 0; select id from car for update").await.unwrap();
    lot.watch().await;
    lot.bed.until(&jobs_of("report_return", "running"), 1).await;
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    lot.bed.until(waiting, 1).await;
    lock("select id from rental_return for update nowait").await.unwrap();
    decides.commit().await.unwrap();
    lot.report(return_id).await;
    assert_eq!(lot.bed.number("select count(*) from damage_case").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_that_was_used_before_is_refused_and_a_broken_one_too() {
    let lot = Lot::open().await;
    let pickup = round(1);
    done(lot.pick_up(&pickup).await);
    let mut scenes = round(2);
    scenes[0].1 = pickup[0].1.clone();
    scenes[2].1.truncate(20_000);
    scenes[3].1 = scenes[1].1.clone();
    let return_id = lot.bring(&scenes).await;
    let refusal = refused(lot.ask(&lot.give_back(return_id)).await);
    assert_eq!(refusal.code, "photos_refused");
    let pointers: Vec<_> = refusal.errors.iter().map(|reason| reason.pointer.as_str()).collect();
    assert_eq!(pointers, ["/front", "/left", "/right"], "{refusal:?}");
    let kept = "select count(*) from photo where state = 'refused' and refusal_detail is not null
                and refusal in ('photo_reused', 'photo_damaged')";
    assert_eq!(lot.bed.number(kept).await, 3);

    lot.bring(&[round(3)[0].clone(), round(3)[2].clone(), round(3)[3].clone()]).await;
    assert_eq!(done(lot.ask(&lot.give_back(return_id)).await)["state"], "inspecting");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_the_report_says_why_and_heals_when_the_file_comes() {
    let lot = Lot::open().await;
    lot.remove_model();
    done(lot.pick_up(&round(1)).await);
    let return_id = lot.bring(&round(2)).await;
    done(lot.ask(&lot.give_back(return_id)).await);
    let report = lot.report(return_id).await;
    assert_eq!(report["notAnalysed"], "the model file (damage.onnx) is missing");
    assert_eq!(lot.bed.number(&jobs_of("detect_damage", "dead")).await, 0);

    lot.put_model();
    done(lot.ask(&lot.verdict(return_id, Verdict::MorePhotos)).await);
    assert_eq!(lot.bring(&scratched(3)).await, return_id);
    let second = done(lot.ask(&lot.give_back(return_id)).await);
    assert_eq!(second["inspection"]["state"], "pending", "{second:#}");
    let report = lot.report(return_id).await;
    assert_eq!((&report["notAnalysed"], &report["findings"][0]["side"]), (&Value::Null, &json!("left")));

    let mut seen = lot.verdict(return_id, Verdict::MorePhotos);
    seen.note = Some("closer, please".to_owned());
    done(lot.ask(&seen).await);
    assert_eq!(lot.bed.number("select count(*) from damage_case where state = 'in_review'").await, 1);
    let mut clear = lot.verdict(return_id, Verdict::Clear);
    clear.note = Some("a reflection".to_owned());
    done(lot.ask(&clear).await);
    let dismissed =
        "select count(*) from damage_case where state = 'dismissed' and note = 'a reflection' and amount = 0";
    assert_eq!(lot.bed.number(dismissed).await, 1);
    assert_eq!(lot.bed.number("select count(*) from damage").await, 0, "what was dismissed is not in the register");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_may_take_a_car_back_without_photos_with_a_reason() {
    let lot = Lot::open().await;
    done(lot.pick_up(&[]).await);
    let return_id = lot.bring(&[]).await;
    let mut give_back = lot.give_back(return_id);
    give_back.without_photos_reason = Some("the car was stolen".to_owned());
    assert_eq!(refused(lot.ask(&give_back).await).code, "photos_missing");

    give_back.asker.account_id = lot.admin;
    give_back.asker.staff = true;
    done(lot.ask(&give_back).await);
    assert_eq!(lot.report(return_id).await["notAnalysed"], "there are no photos: the car was stolen");
    let by = format!(
        "select count(*) from rental_return where opened_by = '{}' and completed_by = '{}'",
        lot.customer, lot.admin
    );
    assert_eq!(lot.bed.number(&by).await, 1, "the renter opened it, staff took the car back");
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_that_are_there_are_analysed_however_the_car_was_taken_back() {
    let lot = Lot::open().await;
    done(lot.pick_up(&round(1)).await);
    let return_id = lot.bring(&scratched(2)[1..]).await;
    let mut give_back = lot.give_back(return_id);
    give_back.without_photos_reason = Some("the front stood against a wall".to_owned());
    (give_back.asker.account_id, give_back.asker.staff) = (lot.admin, true);
    done(lot.ask(&give_back).await);
    let flag = "Staff took the car back without all of its photos: the front stood against a wall.";
    let report = lot.report(return_id).await;
    assert_eq!(
        (&report["notAnalysed"], &report["findings"][0]["side"]),
        (&json!("front: there is no photo"), &json!("left"))
    );
    assert!(report["warnings"].to_string().contains(flag), "{report:#}");

    done(lot.ask(&lot.verdict(return_id, Verdict::MorePhotos)).await);
    lot.bring(&round(3)[..1]).await;
    done(lot.ask(&lot.give_back(return_id)).await);
    let report = lot.report(return_id).await;
    assert_eq!(report["notAnalysed"], Value::Null, "{report:#}");
    assert!(report["warnings"].to_string().contains(flag), "flagged for ever: {report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_rental_is_not_there_and_a_car_does_not_run_backwards() {
    let lot = Lot::open().await;
    let mut pick_up = jobs::rental::PickUpCar {
        booking_id: lot.booking,
        asker: lot.by_customer(),
        odometer: 9_999,
        fuel: 1.5,
        photos: Vec::new(),
        odometer_correction: None,
    };
    let doubt = refused(lot.ask(&pick_up).await);
    assert_eq!((doubt.code.as_str(), doubt.errors.len()), ("odometer_refused", 2), "{doubt:?}");
    pick_up.asker.account_id = uuid::Uuid::now_v7();
    assert_eq!(refused(lot.ask(&pick_up).await).code, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slip_of_the_odometer_is_noticed_and_staff_can_mend_one_with_a_reason() {
    let lot = Lot::open().await;
    let mut pick_up = jobs::rental::PickUpCar {
        booking_id: lot.booking,
        asker: lot.by_customer(),
        odometer: 100_100,
        fuel: 1.0,
        photos: Vec::new(),
        odometer_correction: Some("a customer cannot say so".to_owned()),
    };
    let doubt = refused(lot.ask(&pick_up).await);
    assert_eq!((doubt.code.as_str(), doubt.errors[0].pointer.as_str()), ("odometer_refused", "/odometer"), "{doubt:?}");
    pick_up.odometer = 31_000;
    done(lot.ask(&pick_up).await);

    let return_id = lot.bring(&round(2)).await;
    let mut give_back = lot.give_back(return_id);
    let doubt = refused(lot.ask(&give_back).await);
    assert!(doubt.errors[0].message.contains("staff can correct"), "{doubt:?}");
    (give_back.asker.account_id, give_back.asker.staff) = (lot.admin, true);
    assert_eq!(refused(lot.ask(&give_back).await).code, "odometer_refused", "not without a reason");
    give_back.odometer_correction = Some("31000 was read for 13000".to_owned());
    assert_eq!(done(lot.ask(&give_back).await)["odometer"], 10_200);
    assert_eq!(lot.bed.number("select odometer_km from car").await, 10_200);
    let audited = format!(
        "select count(*) from audit_log where actor = '{}' and detail->>'odometerCorrection' = '31000 was read for 13000'",
        lot.admin
    );
    assert_eq!(lot.bed.number(&audited).await, 1);
}
