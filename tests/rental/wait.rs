//! A car comes back, and somebody waits for it.

use chrono::{TimeDelta, Utc};
use jobs::{
    Queue,
    waitlist::{JoinWaitlist, Target, Wish},
};
use rules::rental::Verdict;
use tests::done;
use uuid::Uuid;

use super::lot::Lot;

impl Lot {
    /// Somebody else joins the queue for the car.
    async fn join(&self, wish: Wish) -> Uuid {
        let (customer_id, target) = (Uuid::now_v7(), Target::Car { car_id: self.car });
        self.bed
            .run(&format!(
                "insert into account (id, email, name, password_hash, role)
                 values ('{customer_id}', '{customer_id}@example.com', 'Somebody', '-', 'customer')"
            ))
            .await;
        let join = JoinWaitlist { entry_id: Uuid::now_v7(), customer_id, target, wish, price_cap: None };
        done(self.bed.ask(&join).await);
        join.entry_id
    }

    /// Staff take the car back, without photos.
    async fn take_back(&self) -> Uuid {
        let return_id = self.bring(&[]).await;
        let mut give_back = self.give_back(return_id);
        give_back.without_photos_reason = Some("it rained".to_owned());
        (give_back.asker.account_id, give_back.asker.staff) = (self.admin, true);
        done(self.ask(&give_back).await);
        self.report(return_id).await;
        return_id
    }

    async fn offers(&self, entry: Uuid) -> i64 {
        let busy = "select count(*) from job where queue = 'waitlist' and (state = 'running' or state = 'ready' and run_at <= now())";
        self.bed.until(busy, 0).await;
        self.bed.number(&format!("select count(*) from waitlist_offer where entry_id = '{entry}'")).await
    }
}

fn window(from: i64, to: i64) -> Wish {
    let hours = |hours| Utc::now() + TimeDelta::hours(hours);
    Wish::Window { start: hours(from), end: hours(to), flexibility_minutes: 0, min_days: None }
}

fn asap() -> Wish {
    Wish::Asap { days: 1, latest_start: Utc::now() + TimeDelta::hours(12) }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_return_gives_the_rest_away_once_somebody_has_looked_at_the_car() {
    let lot = Lot::unwatched().await;
    lot.bed.work(Queue::Waitlist, workers::registry()).await;
    done(lot.pick_up(&[]).await);
    let (later, soon) = (lot.join(window(32, 40)).await, lot.join(asap()).await);

    let return_id = lot.take_back().await;
    assert_eq!((lot.offers(later).await, lot.offers(soon).await), (0, 0), "returned is not available");
    done(lot.ask(&lot.verdict(return_id, Verdict::Clear)).await);
    assert_eq!((lot.offers(later).await, lot.offers(soon).await), (1, 1));
    let here = "select count(*) from waitlist_offer where starts_at < now() + interval '3 hours'";
    assert_eq!(lot.bed.number(here).await, 1, "as soon as possible is in two hours and the time to think");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_on_time_serves_who_wants_the_car_as_soon_as_it_is_free() {
    let lot = Lot::unwatched().await;
    lot.bed.work(Queue::Waitlist, workers::registry()).await;
    done(lot.pick_up(&[]).await);
    let hours = |from, to| {
        let booking = lot.booking;
        format!(
            "update booking set starts_at = now() + interval '{from} hours', ends_at = now() + interval '{to} minutes' where id = '{booking}';
             update reservation r set starts_at = b.starts_at, ends_at = b.ends_at + interval '1 hour' from booking b where b.id = r.booking_id;"
        )
    };
    lot.bed.run(&hours(-48, 1)).await;
    let soon = lot.join(asap()).await;
    assert_eq!(lot.offers(soon).await, 0, "somebody has it");
    let return_id = lot.take_back().await;
    assert_eq!(lot.offers(soon).await, 0, "nobody has looked at it: returned is not available");
    done(lot.ask(&lot.verdict(return_id, Verdict::Clear)).await);
    assert_eq!(lot.offers(soon).await, 1);
}
