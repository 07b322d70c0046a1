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
    };
    let doubt = refused(lot.ask(&pick_up).await);
    assert_eq!((doubt.code.as_str(), doubt.errors.len()), ("odometer_refused", 2), "{doubt:?}");
    pick_up.asker.account_id = uuid::Uuid::now_v7();
    assert_eq!(refused(lot.ask(&pick_up).await).code, "not_found");
}
