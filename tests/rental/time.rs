//! Early, late and never: what the clock does to a rental.

use rules::rental::Slot;
use serde_json::{Value, json};

use tests::{done, refused};

use super::lot::{Lot, round};

impl Lot {
    /// Moves the booking and the time it holds to begin and end so many minutes from now.
    async fn move_to(&self, starts: i64, ends: i64) {
        let booking = self.booking;
        self.bed
            .run(&format!(
                "update booking set starts_at = now() + interval '{starts} minutes', ends_at = now() + interval '{ends} minutes'
                 where id = '{booking}';
                 update reservation r set starts_at = b.starts_at, ends_at = b.ends_at + interval '1 hour'
                 from booking b where b.id = r.booking_id and b.id = '{booking}'"
            ))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_free_car_is_handed_over_two_hours_early_and_its_time_begins_then() {
    let lot = Lot::open().await;
    lot.move_to(180, 2_000).await;
    assert_eq!(refused(lot.pick_up(&[]).await).code, "too_early");

    lot.move_to(90, 2_000).await;
    assert_eq!(done(lot.pick_up(&[]).await)["status"], "Active");
    assert_eq!(lot.bed.number("select count(*) from reservation where starts_at <= now()").await, 1);
    assert_eq!(lot.bed.number("select odometer_km from car").await, 10_010);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_has_a_car_gets_a_second_one_from_staff_only() {
    let lot = Lot::open().await;
    lot.bed
        .run(&format!(
            "insert into car select gen_random_uuid(), 'T-OTHER', null, make, model, year, category, seats, fuel_type,
                                    price_per_day, currency, branch_id from car;
             insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status,
                                  quote, total, currency, plate)
             select gen_random_uuid(), 'BK-OTHER', (select id from car where plate = 'T-OTHER'), customer_id, branch_id,
                    starts_at, ends_at, time_zone, 'Active', quote, total, currency, 'T-OTHER'
             from booking where id = '{}'",
            lot.booking
        ))
        .await;
    assert_eq!(refused(lot.pick_up(&[]).await).code, "illegal_state");

    let mut asker = lot.by_customer();
    asker.account_id = lot.admin;
    asker.staff = true;
    let booking_id = lot.booking;
    let by_staff = jobs::rental::PickUpCar {
        booking_id,
        asker,
        odometer: 10_010,
        fuel: 1.0,
        photos: Vec::new(),
        odometer_correction: None,
    };
    assert_eq!(done(lot.ask(&by_staff).await)["status"], "Active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_return_says_by_how_much_and_takes_the_time_it_took() {
    let lot = Lot::open().await;
    done(lot.pick_up(&[]).await);
    lot.move_to(-2_000, -90).await;
    let return_id = lot.bring(&round(2)).await;
    let returned = done(lot.ask(&lot.give_back(return_id)).await);
    assert_eq!(returned["lateMinutes"], 90);
    let taken = "select count(*) from reservation where ends_at > now() + interval '59 minutes'";
    assert_eq!(lot.bed.number(taken).await, 1, "the turnaround follows the return");
    assert_eq!(lot.bed.number("select count(*) from job where kind = 'promote_waitlist'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_worker_looks_at_the_photos_the_report_goes_out_and_says_so() {
    let lot = Lot::unwatched().await;
    done(lot.pick_up(&[]).await);
    let return_id = lot.bring(&round(2)).await;
    done(lot.ask(&lot.give_back(return_id)).await);
    lot.bed.run("update job set run_at = now() where kind = 'report_return'").await;

    let report = lot.report(return_id).await;
    assert_eq!((&report["notAnalysed"], &report["findings"]), (&json!("the model did not answer in time"), &json!([])));
    assert_eq!(lot.bed.number("select count(*) from job where kind = 'report_return'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_to_an_old_upload_address_changes_no_evidence() {
    let lot = Lot::open().await;
    done(lot.pick_up(&[]).await);
    let scenes = round(2);
    let return_id = lot.bring(&scenes).await;
    let returned = done(lot.ask(&lot.give_back(return_id)).await);
    let front: Value = returned["photos"][0].clone();
    let id = front["id"].as_str().unwrap();
    let photo = entity::photo::Entity::counting(&lot.bed.db, lot.booking).await.unwrap().remove(0);
    let old = entity::upload::incoming(&photo.object_key);
    lot.bucket.put(&old, "image/jpeg", round(3)[0].1.clone()).await.unwrap();

    lot.report(return_id).await;
    assert_eq!((photo.slot.0, photo.id.to_string().as_str()), (Slot::Front, id));
    let kept = lot.bucket.get(&photo.object_key, 20_000_000).await.unwrap().unwrap().unwrap();
    assert_eq!(kept, scenes[0].1, "the original is byte for byte what was accepted");
}
