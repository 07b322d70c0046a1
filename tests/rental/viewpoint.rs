//! Nobody stands twice in the same place: what is compared is the car, not the photo.

use dev::picture::{Mark, Scene, Side, View, Wound};
use entity::photo;
use rules::rental::Slot;
use serde_json::{Value, json};
use tests::{done, refused};
use uuid::Uuid;
use workers::vision::derivative::derive;

use super::{
    SCRATCH,
    lot::{self, Lot, round},
    scratched,
};

/// Nearer, lower, and turned a little.
const ASIDE: View = View { zoom: 1.2, right: -0.08, down: 0.04, turn: 2.0 };

const DENT: Mark = Mark { wound: Wound::Dent, x: 0.4, y: 0.56, w: 0.07, h: 0.06 };

/// The four sides from another place on another day, the left one with these marks.
fn from_aside(seed: u64, marks: &[Mark]) -> Vec<(Slot, Vec<u8>)> {
    let sides = [Side::Front, Side::Back, Side::Left, Side::Right];
    let scene = |side: Side| {
        let marks = if side == Side::Left { marks.to_vec() } else { Vec::new() };
        lot::photo(&Scene { view: ASIDE, marks, ..Scene::new(side, seed) })
    };
    Slot::ALL.iter().copied().zip(sides.map(scene)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn existing_damage_seen_from_elsewhere_is_known_and_a_new_dent_is_new() {
    let lot = Lot::open().await;
    done(lot.pick_up(&scratched(1)).await);
    let report = lot.returned(&from_aside(2, &[SCRATCH, DENT])).await;

    let findings = report["findings"].as_array().unwrap();
    let verdicts: Vec<_> = findings.iter().map(|it| (&it["class"], &it["novelty"], &it["basis"])).collect();
    let (overlay, dent, scratch) = (json!("overlay"), json!("dent"), json!("scratch"));
    assert_eq!(verdicts, [(&dent, &json!("new"), &overlay), (&scratch, &json!("known"), &overlay)], "{report:#}");
    let before = findings[1]["pickupRegion"]["x"].as_f64().unwrap();
    assert!((before - f64::from(SCRATCH.x)).abs() < 0.03, "the scratch was at {before}");
    assert_eq!(report["warnings"], json!([]));
    let comparisons = report["comparisons"].as_array().unwrap();
    assert_eq!(comparisons.len(), 4);
    assert!(comparisons.iter().all(|it| it["inliers"].as_i64() > Some(50)), "{comparisons:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_of_the_register_is_known_where_the_photo_it_was_marked_on_shows_it() {
    let lot = Lot::open().await;
    done(lot.pick_up(&round(1)).await);
    let Mark { x, y, w, h, .. } = SCRATCH;
    let region = json!({ "x": x, "y": y, "width": w, "height": h });
    lot.bed
        .run(&format!(
            "insert into damage (id, car_id, side, class, severity, region, photo_id)
             select gen_random_uuid(), car_id, 'left', 'scratch', 'minor', '{region}', id
             from photo where slot = 'left'"
        ))
        .await;
    let report = lot.returned(&from_aside(2, &[SCRATCH])).await;
    let finding = &report["findings"][0];
    assert_eq!(finding["reason"], "it is in the register of known damage", "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_side_photographed_twice_is_asked_for_once_then_told_and_stops_nothing() {
    let lot = Lot::open().await;
    done(lot.pick_up(&round(1)).await);
    let mut scenes = round(2);
    scenes[3].1 = lot::photo(&Scene { view: ASIDE, ..Scene::new(Side::Left, 3) });
    let return_id = lot.bring(&scenes).await;
    let advice = refused(lot.ask(&lot.give_back(return_id)).await);
    assert_eq!(advice.code, "retake_advised");
    let told: Vec<_> = advice.errors.iter().map(|reason| reason.pointer.as_str()).collect();
    assert_eq!(told, ["/left", "/right"]);
    assert_eq!(advice.extra["photos"][1]["code"], "same_side");

    done(lot.ask(&lot.give_back(return_id)).await);
    let report = lot.report(return_id).await;
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("The left photo and the right photo seem to show the same side"), "{warnings}");
    assert_eq!(report["warnings"].as_array().unwrap().len(), 1, "{warnings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_an_older_photo_is_asked_for_once_and_told_however_it_was_compressed() {
    let lot = Lot::open().await;
    let pickup = round(1);
    done(lot.pick_up(&pickup).await);
    let mut scenes = round(2);
    scenes[2].1 = derive(&pickup[2].1).unwrap().swap_remove(0).jpeg;
    let return_id = lot.bring(&scenes).await;
    let advice = refused(lot.ask(&lot.give_back(return_id)).await);
    let (slot, code) = (&advice.extra["photos"][0]["slot"], &advice.extra["photos"][0]["code"]);
    assert_eq!((slot, code), (&json!("left"), &json!("copied")), "{advice:?}");

    done(lot.ask(&lot.give_back(return_id)).await);
    let report = lot.report(return_id).await;
    assert_eq!(report["warnings"], json!(["The left photo looks like a copy of a photo that was sent before."]));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_photo_of_the_same_car_or_customer_has_copies() {
    for (other_car, other_customer) in [(true, true), (true, false), (false, true)] {
        let lot = Lot::unwatched().await;
        let pickup = round(1);
        done(lot.pick_up(&pickup).await);
        // As if the photos of the pick-up had been those of an older rental.
        let pick = |other, own| if other { Uuid::now_v7() } else { own };
        let (car, customer) = (pick(other_car, lot.car), pick(other_customer, lot.customer));
        let (booking, own) = (Uuid::now_v7(), lot.booking);
        lot.bed
            .run(&format!(
                "insert into account select (jsonb_populate_record(account, '{{\"id\": \"{customer}\", \"email\": \"o@example.com\"}}')).*
                 from account where id = '{}' on conflict do nothing;
                 insert into car select (jsonb_populate_record(car, '{{\"id\": \"{car}\", \"plate\": \"T-OTHER\"}}')).*
                 from car where id = '{}' on conflict do nothing;
                 insert into booking select (jsonb_populate_record(booking, '{{\"id\": \"{booking}\", \"number\": \"OLD\",
                     \"car_id\": \"{car}\", \"customer_id\": \"{customer}\", \"status\": \"Completed\"}}')).*
                 from booking where id = '{own}';
                 update photo set booking_id = '{booking}', car_id = '{car}'",
                lot.customer, lot.car
            ))
            .await;
        let mut scenes = round(2);
        scenes[2].1 = derive(&pickup[2].1).unwrap().swap_remove(0).jpeg;
        let return_id = lot.bring(&scenes).await;
        let answer = lot.ask(&lot.give_back(return_id)).await;
        if other_car && other_customer {
            assert_eq!(done(answer)["state"], "inspecting");
        } else {
            assert_eq!(refused(answer).extra["photos"][0]["code"], "copied");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_that_cannot_be_read_any_more_only_costs_its_comparison() {
    let lot = Lot::unwatched().await;
    let scenes = round(91);
    done(lot.pick_up(&scenes).await);
    // The small copies come from the original too.
    lot.bed.until("select count(*) from photo where derived_at is not null", 4).await;
    let taken = photo::Entity::counting(&lot.bed.db, lot.booking).await.unwrap();
    lot.bucket.delete(&taken[2].object_key).await.unwrap();
    lot.watch().await;
    let report = lot.returned(&round(92)).await;
    let left = &report["comparisons"][2];
    assert_eq!((&left["side"], &left["transform"]), (&json!("left"), &Value::Null));
    assert_eq!(left["reason"], "the original is no longer in the bucket");
    assert_eq!(lot.bed.number("select count(*) from job where state = 'dead'").await, 0);
}
