//! One returned car and everybody who may hear of it.

use std::{sync::Arc, time::Duration};

use dev::{
    Mail,
    picture::{Scene, Side},
};
use jobs::{
    Job, NewJob, Queue, ledger,
    notify::{Announce, News},
};
use platform::Bucket;
use rules::rental::{Occasion, Slot};
use serde_json::json;
use tests::{Bed, QUOTE, bed, services};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workers::{Context, Mailer, Pool, vision::derivative::derive};

/// One returned car, its renter and three admins, one of whom is suspended.
pub(super) struct Story {
    pub(super) bed: Bed,
    pub(super) customer: Uuid,
    pub(super) admins: [Uuid; 3],
    pub(super) booking: Uuid,
    pub(super) rental_return: Uuid,
}

pub(super) fn address(account: Uuid) -> String {
    format!("{account}@example.com")
}

/// The mails to an account that are here by now.
pub(super) async fn mails_to(account: Uuid) -> Vec<Arc<Mail>> {
    let mails = services().await.inbox().unwrap().mails();
    mails.into_iter().filter(|mail| mail.to.contains(&address(account))).collect()
}

impl Story {
    pub(super) async fn new() -> Self {
        let story = Self {
            bed: bed().await,
            customer: Uuid::now_v7(),
            admins: [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()],
            booking: Uuid::now_v7(),
            rental_return: Uuid::now_v7(),
        };
        story.people().await;
        story.rental().await;
        story
    }

    async fn people(&self) {
        let [one, two, suspended] = self.admins;
        let people = [(self.customer, "customer"), (one, "admin"), (two, "admin"), (suspended, "admin")];
        for (id, role) in people {
            let sql = format!(
                "insert into account (id, email, name, phone, password_hash, role)
                 values ('{id}', '{}', E'Kim\\r\\nBcc: all@example.com', '+49 30 1234567', '-', '{role}')",
                address(id)
            );
            self.bed.run(&sql).await;
        }
        self.bed.run(&format!("update account set suspended_at = now() where id = '{suspended}'")).await;
    }

    async fn rental(&self) {
        let Self { customer, booking, rental_return, .. } = self;
        let car = Uuid::now_v7();
        let branch = "00000000-0000-7000-8000-000000000001";
        self.bed
            .run(&format!(
                "insert into car (id, plate, make, model, year, category, seats, fuel_type, price_per_day, currency, branch_id)
                 values ('{car}', 'T-1', 'VW', 'Golf', 2024, 'compact', 5, 'petrol', 5000, 'EUR', '{branch}');
                 insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status,
                                      quote, total, currency, plate, odometer_out_km, fuel_out)
                 values ('{booking}', 'BK-000001', '{car}', '{customer}', '{branch}', now() - interval '2 days', now(),
                         'Europe/Berlin', 'Returned', '{QUOTE}', 10000, 'EUR', 'T-1', 1000, 1);
                 insert into rental_return (id, booking_id, car_id, state, opened_by, returned_at, odometer_km, fuel,
                                            late_minutes, report, decision_due_at)
                 values ('{rental_return}', '{booking}', '{car}', 'reported', '{customer}', now(), 1650, 0.5, 0,
                         '{{\"findings\": [], \"warnings\": [], \"notAnalysed\": null, \"model\": null}}',
                         now() + interval '4 hours')"
            ))
            .await;
    }

    /// Photos of every side at both ends, and a scratch that the model saw on the left.
    pub(super) async fn photos(&self) -> Uuid {
        let bucket = Bucket::new(&self.bed.settings.bucket);
        let mut scratched = Uuid::nil();
        for (occasion, seed) in [(Occasion::Pickup, 1), (Occasion::Return, 2)] {
            for (slot, side) in Slot::ALL.iter().zip([Side::Front, Side::Back, Side::Left, Side::Right]) {
                let (id, key) = (Uuid::now_v7(), format!("derivative/{}", Uuid::now_v7()));
                let copy = derive(&Scene::new(side, seed).jpeg()).unwrap().swap_remove(1);
                bucket.put(&key, "image/jpeg", copy.jpeg).await.unwrap();
                self.bed.run(&self.photo_sql(id, occasion, *slot, &key)).await;
                if (occasion, *slot) == (Occasion::Return, Slot::Left) {
                    scratched = id;
                }
            }
        }
        let finding = json!({
            "number": 1, "photoId": scratched, "side": "left", "class": "scratch", "score": 0.71,
            "region": { "x": 0.55, "y": 0.5, "width": 0.12, "height": 0.1 },
            "novelty": "new", "reason": "neither the pick-up photo nor the register shows it",
            "suggestedSeverity": "minor",
        });
        let report = json!({ "findings": [finding], "warnings": [], "notAnalysed": null, "model": null });
        self.bed.run(&format!("update rental_return set report = '{report}'")).await;
        scratched
    }

    fn photo_sql(&self, id: Uuid, occasion: Occasion, slot: Slot, key: &str) -> String {
        let Self { booking, customer, .. } = self;
        format!(
            "insert into photo (id, booking_id, car_id, occasion, slot, version, state, object_key, uploaded_by)
             select '{id}', '{booking}', car_id, '{occasion}', '{slot}', 1, 'accepted', 'original/{id}', '{customer}'
             from booking where id = '{booking}';
             insert into derivative (photo_id, variant, object_key, width, height, size, source_sha256)
             values ('{id}', '640', '{key}', 640, 480, 1, '\\x00')"
        )
    }

    /// A pool that sends to this server, until its token is cancelled.
    pub(super) async fn tell_through(&self, smtp_url: &str, concurrency: usize) -> CancellationToken {
        let mut context = Context::start(self.bed.settings.clone()).await.unwrap();
        context.mailer = Some(Mailer::start(smtp_url, "Forecourt <rental@example.com>", concurrency).unwrap());
        let (stop, grace) = (self.bed.stop.child_token(), Duration::from_secs(1));
        let (context, registry) = (Arc::new(context), workers::registry());
        tokio::spawn(Pool::serve(Queue::Notify, concurrency, context, registry, stop.clone(), grace));
        stop
    }

    pub(super) async fn tell(&self) {
        self.tell_through(&services().await.smtp_url(), 8).await;
    }

    pub(super) async fn ask(&self, asked: &impl Job) -> Uuid {
        let asked = NewJob::new(asked);
        ledger::accept(&self.bed.db, &asked).await.unwrap();
        asked.id
    }

    pub(super) async fn announce(&self, news: News, subject_id: Uuid) -> Uuid {
        self.announce_turn(news, subject_id, 0).await
    }

    pub(super) async fn announce_turn(&self, news: News, subject_id: Uuid, turn: i32) -> Uuid {
        self.ask(&Announce { news, subject_id, turn }).await
    }

    pub(super) async fn mailed(&self, count: i64) {
        self.bed.until("select count(*) from job where kind = 'send_mail' and state = 'done'", count).await;
    }
}
