//! Returned, available and settled are three things (R4).

use rules::rental::Verdict;
use serde_json::json;
use uuid::Uuid;

use tests::{done, refused};

use super::lot::{Lot, round};

impl Lot {
    /// The rental that follows on the same car, by the same customer.
    async fn next_rental(&mut self) {
        let next = Uuid::now_v7();
        self.bed
            .run(&format!(
                "insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status,
                                      quote, total, currency, plate)
                 select '{next}', '{next}', car_id, customer_id, branch_id, now() + interval '90 minutes',
                        now() + interval '1 day', time_zone, 'Confirmed', quote, total, currency, plate
                 from booking where id = '{}';
                 insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose, booking_id)
                 select gen_random_uuid(), 'car', car_id, starts_at, ends_at, 'booking', id
                 from booking where id = '{next}'",
                self.booking
            ))
            .await;
        self.booking = next;
    }

    /// A rental from pick-up to a return with nothing new to see.
    async fn clean_return(&self) -> Uuid {
        done(self.pick_up(&round(1)).await);
        let return_id = self.bring(&round(2)).await;
        done(self.ask(&self.give_back(return_id)).await);
        self.report(return_id).await;
        return_id
    }

    /// Past the turnaround, so that only the clearance stands in the way.
    async fn free_the_time(&self) {
        self.bed.run("delete from reservation where starts_at < now()").await;
    }

    async fn pick_up_again(&self) -> jobs::Outcome {
        let (booking_id, asker) = (self.booking, self.by_customer());
        let again = jobs::rental::PickUpCar {
            booking_id,
            asker,
            odometer: 10_210,
            fuel: 0.5,
            photos: Vec::new(),
            odometer_correction: None,
        };
        self.ask(&again).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_that_came_back_waits_for_a_person_to_clear_it() {
    let mut lot = Lot::open().await;
    let return_id = lot.clean_return().await;
    lot.free_the_time().await;
    lot.next_rental().await;
    assert_eq!(refused(lot.pick_up_again().await).code, "car_not_in_service");

    done(lot.ask(&lot.verdict(return_id, Verdict::Clear)).await);
    assert_eq!(done(lot.pick_up_again().await)["status"], "Active");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_branch_allows_it_a_spotless_return_releases_the_car_and_stays_undecided() {
    let mut lot = Lot::open().await;
    lot.bed.run("update branch set auto_release = true").await;
    lot.clean_return().await;
    lot.free_the_time().await;
    lot.next_rental().await;
    assert_eq!(done(lot.pick_up_again().await)["status"], "Active");
    let undecided = "select count(*) from rental_return where released_at is not null and decided_at is null";
    assert_eq!(lot.bed.number(undecided).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_would_get_an_unsafe_car_next_gets_another_one() {
    let mut lot = Lot::open().await;
    let return_id = lot.clean_return().await;
    lot.next_rental().await;
    let other =
        "insert into car select gen_random_uuid(), 'T-OTHER', null, make, model, year, category, seats, fuel_type,
                                        price_per_day, currency, branch_id from car";
    lot.bed.run(other).await;
    let mut damage = lot.verdict(return_id, Verdict::Damage);
    damage.note = Some("the front left tyre is flat".to_owned());
    damage.findings = vec![json!({ "side": "left", "class": "tire_flat", "severity": "severe" })];
    done(lot.ask(&damage).await);

    let moved = format!(
        "select count(*) from booking b join car c on c.id = b.car_id where b.id = '{}' and c.plate = 'T-OTHER'",
        lot.booking
    );
    lot.bed.until(&moved, 1).await;
    assert_eq!(lot.bed.number("select count(*) from car where status = 'quarantined'").await, 1);
}
