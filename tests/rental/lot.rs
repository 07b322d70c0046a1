//! A rented car on a bed, with the pools that a return needs and a model of the test's choice.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use dev::{picture, tiny_model};
use entity::{photo, upload};
use jobs::{
    Job, Outcome, Queue,
    rental::{Asker, DecideReturn, OpenReturn, PickUpCar, ReturnCar, UploadedPhoto},
};
use platform::Bucket;
use rules::rental::{Slot, Verdict};
use sea_orm::EntityTrait;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tests::{Bed, QUOTE, done};
use uuid::Uuid;
use workers::{Context, DetectorSettings, DetectorSlot, Pool};

/// One customer's rental of one car, and an admin.
pub(super) struct Lot {
    pub(super) bed: Bed,
    pub(super) bucket: Bucket,
    pub(super) admin: Uuid,
    pub(super) customer: Uuid,
    pub(super) car: Uuid,
    pub(super) booking: Uuid,
    /// Where the model lies, or may lie later.
    pub(super) model: PathBuf,
}

impl Drop for Lot {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.model.parent().unwrap());
    }
}

impl Lot {
    /// A booking that begins in a minute and lasts two days, and every pool that a return passes through.
    pub(super) async fn open() -> Self {
        let lot = Self::unwatched().await;
        lot.watch().await;
        lot
    }

    /// The same, but nobody looks for damage.
    pub(super) async fn unwatched() -> Self {
        let lot = Self::new().await;
        lot.put_model();
        lot.people().await;
        lot.rental().await;
        for queue in [Queue::Booking, Queue::Thumbnail] {
            lot.bed.work_with(queue, 2, workers::registry()).await;
        }
        lot
    }

    async fn new() -> Self {
        let bed = tests::bed().await;
        let folder = std::env::temp_dir().join(format!("forecourt-rental-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        Self {
            bucket: Bucket::new(&bed.settings.bucket),
            bed,
            admin: Uuid::now_v7(),
            customer: Uuid::now_v7(),
            car: Uuid::now_v7(),
            booking: Uuid::now_v7(),
            model: folder.join("damage.onnx"),
        }
    }

    pub(super) fn put_model(&self) {
        let model = tiny_model::onnx();
        let card = tiny_model::card(&hex::encode(Sha256::digest(&model)));
        std::fs::write(self.model.with_extension("json"), card).unwrap();
        std::fs::write(&self.model, model).unwrap();
    }

    pub(super) fn remove_model(&self) {
        std::fs::remove_file(&self.model).unwrap();
    }

    /// Starts the pool that looks for damage.
    pub(super) async fn watch(&self) {
        let mut context = Context::start(self.bed.settings.clone()).await.unwrap();
        let settings = DetectorSettings { model: Some(self.model.clone()), runtime: None, threads: 1 };
        context.detector = DetectorSlot::new(settings);
        let (stop, grace) = (self.bed.stop.clone(), self.bed.settings.shutdown_grace);
        tokio::spawn(Pool::serve(Queue::Damage, 2, Arc::new(context), workers::registry(), stop, grace));
    }

    async fn people(&self) {
        for (id, role) in [(self.admin, "admin"), (self.customer, "customer")] {
            let email = format!("{id}@example.com");
            self.bed
                .run(&format!(
                    "insert into account (id, email, name, password_hash, role)
                     values ('{id}', '{email}', 'A {role}', '-', '{role}')"
                ))
                .await;
        }
    }

    async fn rental(&self) {
        let Self { car, booking, customer, .. } = self;
        let branch = "00000000-0000-7000-8000-000000000001";
        let plate = format!("T-{}", &car.simple().to_string()[24..]);
        self.bed
            .run(&format!(
                "insert into car (id, plate, make, model, year, category, seats, fuel_type, price_per_day, currency,
                                  branch_id, odometer_km)
                 values ('{car}', '{plate}', 'VW', 'Golf', 2024, 'compact', 5, 'petrol', 5000, 'EUR', '{branch}', 10000);
                 insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status,
                                      quote, total, currency, plate)
                 values ('{booking}', '{booking}', '{car}', '{customer}', '{branch}', now() + interval '1 minute',
                         now() + interval '2 days', 'UTC', 'Confirmed', '{QUOTE}', 10000, 'EUR', '{plate}');
                 insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose, booking_id)
                 select gen_random_uuid(), 'car', car_id, starts_at, ends_at + interval '1 hour', 'booking', id
                 from booking where id = '{booking}'"
            ))
            .await;
    }

    /// Asks for a job and waits for its end.
    pub(super) async fn ask(&self, asked: &impl Job) -> Outcome {
        self.bed.ask(asked).await
    }

    pub(super) fn by_customer(&self) -> Asker {
        Asker { account_id: self.customer, staff: false, ip: None, user_agent: None }
    }

    /// What a front does with the parts of a form.
    pub(super) async fn upload(&self, slot: Slot, jpeg: &[u8]) -> UploadedPhoto {
        let photo_id = Uuid::now_v7();
        let object_key = upload::incoming(&photo::key(self.booking, photo_id, chrono::Utc::now()));
        self.bucket.put(&object_key, "image/jpeg", jpeg.to_vec()).await.unwrap();
        let sha256 = hex::encode(Sha256::digest(jpeg));
        let (content_type, size) = ("image/jpeg".to_owned(), i64::try_from(jpeg.len()).unwrap());
        UploadedPhoto { photo_id, slot, object_key, content_type, size, sha256 }
    }

    /// What a front asks for when a form with these photos came.
    pub(super) async fn picking_up(&self, scenes: &[(Slot, Vec<u8>)]) -> PickUpCar {
        let mut photos = Vec::new();
        for (slot, jpeg) in scenes {
            photos.push(self.upload(*slot, jpeg).await);
        }
        let (booking_id, asker) = (self.booking, self.by_customer());
        PickUpCar { booking_id, asker, odometer: 10_010, fuel: 0.9, photos, odometer_correction: None }
    }

    pub(super) async fn pick_up(&self, scenes: &[(Slot, Vec<u8>)]) -> Outcome {
        self.ask(&self.picking_up(scenes).await).await
    }

    /// Opens the return, or its next versions, and puts these photos where the uploads belong.
    pub(super) async fn bring(&self, scenes: &[(Slot, Vec<u8>)]) -> Uuid {
        let open = OpenReturn { return_id: Uuid::now_v7(), booking_id: self.booking, asker: self.by_customer() };
        let opened = done(self.ask(&open).await);
        for upload in opened["uploads"].as_array().unwrap() {
            let slot = upload["slot"].as_str().unwrap();
            if let Some((_, jpeg)) = scenes.iter().find(|(side, _)| side.as_str() == slot) {
                let key = upload["objectKey"].as_str().unwrap();
                self.bucket.put(key, "image/jpeg", jpeg.clone()).await.unwrap();
            }
        }
        opened["returnId"].as_str().unwrap().parse().unwrap()
    }

    pub(super) fn give_back(&self, return_id: Uuid) -> ReturnCar {
        ReturnCar {
            return_id,
            booking_id: None,
            asker: self.by_customer(),
            odometer: 10_200,
            fuel: 0.5,
            photos: Vec::new(),
            without_photos_reason: None,
            accept_as_is: false,
            odometer_correction: None,
        }
    }

    pub(super) fn verdict(&self, return_id: Uuid, verdict: Verdict) -> DecideReturn {
        let decided_by = self.admin;
        DecideReturn { return_id, decided_by, via_link: true, verdict, findings: Vec::new(), note: None }
    }

    /// The report of a return with these photos.
    pub(super) async fn returned(&self, scenes: &[(Slot, Vec<u8>)]) -> Value {
        let return_id = self.bring(scenes).await;
        done(self.ask(&self.give_back(return_id)).await);
        self.report(return_id).await
    }

    /// The report of a return, once it is there.
    pub(super) async fn report(&self, return_id: Uuid) -> Value {
        tests::until("the return is reported", || async {
            let found = entity::rental_return::Entity::find_by_id(return_id).one(&self.bed.db).await.unwrap();
            found.unwrap().report
        })
        .await
    }
}

/// The four sides of one car, as an undamaged photo each; another seed is another day.
pub(super) fn round(seed: u64) -> Vec<(Slot, Vec<u8>)> {
    let sides = [picture::Side::Front, picture::Side::Back, picture::Side::Left, picture::Side::Right];
    Slot::ALL.iter().copied().zip(sides.map(|side| photo(&picture::Scene::new(side, seed)))).collect()
}

/// A photo as small as may be. Drawn once per test run: every test has a database of its own.
pub(super) fn photo(scene: &picture::Scene) -> Vec<u8> {
    static DRAWN: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let scene = picture::Scene { width: 1_200, ..scene.clone() };
    let mut drawn = DRAWN.lock().unwrap();
    drawn.entry(format!("{scene:?}")).or_insert_with(|| scene.jpeg()).clone()
}
