//! A dark or blurred photo is asked for once more, and then taken as it is (R1).

use dev::picture::{Scene, Side};
use rules::rental::{Slot, Verdict};
use serde_json::json;
use tests::{done, refused};
use uuid::Uuid;

use super::lot::{Lot, photo, round};

/// The four sides, of which the left is too dark to see much.
fn dark(seed: u64) -> Vec<(Slot, Vec<u8>)> {
    let mut scenes = round(seed);
    scenes[2].1 = night(seed);
    scenes
}

fn night(seed: u64) -> Vec<u8> {
    photo(&Scene { night: true, ..Scene::new(Side::Left, seed) })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dark_photo_is_asked_for_once_more_and_then_taken_as_it_is_with_a_warning() {
    let lot = Lot::open().await;
    done(lot.pick_up(&[]).await);
    let return_id = lot.bring(&dark(2)).await;
    let advice = refused(lot.ask(&lot.give_back(return_id)).await);
    assert_eq!(advice.code, "retake_advised");
    assert_eq!(advice.errors[0].pointer, "/left");
    assert_eq!(
        (&advice.extra["photos"][0]["slot"], &advice.extra["photos"][0]["code"]),
        (&json!("left"), &json!("dark"))
    );
    assert_eq!(advice.extra["returnId"], json!(return_id));
    assert_eq!(lot.bed.number("select count(*) from booking where status = 'Active'").await, 1);

    let returned = done(lot.ask(&lot.give_back(return_id)).await);
    assert_eq!(returned["state"], "inspecting", "the same request again is through");
    let report = lot.report(return_id).await;
    assert!(report["warnings"].to_string().contains("The left photo is dark."), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_dark_photo_is_taken_and_the_first_stays_as_evidence() {
    let lot = Lot::open().await;
    done(lot.pick_up(&[]).await);
    let return_id = lot.bring(&dark(2)).await;
    assert_eq!(refused(lot.ask(&lot.give_back(return_id)).await).code, "retake_advised");
    lot.bring(&[(Slot::Left, night(3))]).await;
    assert_eq!(done(lot.ask(&lot.give_back(return_id)).await)["state"], "inspecting");
    let kept = "select count(*) from photo where slot = 'left' and state = 'accepted' and 'dark' = any (warnings)";
    assert_eq!(lot.bed.number(kept).await, 2);

    // Better photos that people ask for later may be dark once more, and are asked for once more.
    done(lot.ask(&lot.verdict(return_id, Verdict::MorePhotos)).await);
    lot.bring(&dark(4)).await;
    assert_eq!(refused(lot.ask(&lot.give_back(return_id)).await).code, "retake_advised");
    assert_eq!(done(lot.ask(&lot.give_back(return_id)).await)["state"], "inspecting");
}

#[tokio::test(flavor = "multi_thread")]
async fn better_photos_of_one_side_bring_no_second_advice_about_another() {
    let lot = Lot::open().await;
    done(lot.pick_up(&[]).await);
    let return_id = lot.bring(&dark(2)).await;
    assert_eq!(refused(lot.ask(&lot.give_back(return_id)).await).code, "retake_advised");
    done(lot.ask(&lot.give_back(return_id)).await);
    done(lot.ask(&lot.verdict(return_id, Verdict::MorePhotos)).await);

    let mut again = lot.give_back(Uuid::now_v7());
    again.booking_id = Some(lot.booking);
    for (slot, jpeg) in dark(2) {
        again.photos.push(lot.upload(slot, &jpeg).await);
    }
    let refusal = refused(lot.ask(&again).await);
    assert_eq!((refusal.code.as_str(), &refusal.extra["missing"]), ("photos_missing", &json!([])), "{refusal:?}");
    assert!(refusal.detail.starts_with("New photos were asked for, and none has come"), "{}", refusal.detail);

    // They count when they come after that, although their request was accepted before it and waited since.
    lot.bed.run("update rental_return set updated_at = now() + interval '1 minute'").await;
    lot.bring(&round(4)[..1]).await;
    assert_eq!(done(lot.ask(&lot.give_back(return_id)).await)["state"], "inspecting");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_in_one_request_is_asked_once_too_and_never_when_nobody_wants_to_be_asked() {
    for accept_as_is in [false, true] {
        let lot = Lot::open().await;
        done(lot.pick_up(&[]).await);
        let mut give_back = lot.give_back(Uuid::now_v7());
        give_back.booking_id = Some(lot.booking);
        give_back.accept_as_is = accept_as_is;
        for (slot, jpeg) in dark(2) {
            give_back.photos.push(lot.upload(slot, &jpeg).await);
        }
        if !accept_as_is {
            let advice = refused(lot.ask(&give_back).await);
            assert_eq!(advice.code, "retake_advised");
            give_back.return_id = Uuid::now_v7();
            give_back.photos.clear();
            for (slot, jpeg) in dark(2) {
                give_back.photos.push(lot.upload(slot, &jpeg).await);
            }
        }
        assert_eq!(done(lot.ask(&give_back).await)["state"], "inspecting");
        assert_eq!(lot.bed.number("select count(*) from rental_return").await, 1);
        assert_eq!(lot.bed.number("select count(*) from photo where state = 'accepted'").await, 4);
    }
}
