//! Uploads wait apart from what is kept: what no job took goes, and what one may still ask for stays.

use chrono::{TimeDelta, Utc};
use entity::{photo, upload};
use jobs::{Job, NewJob, ledger, photo::ForgetUploads, rental::PickUpCar};
use tests::{done, refused};
use uuid::Uuid;

use super::lot::{Lot, round};

impl Lot {
    /// Where the originals of this rental are kept.
    fn place(&self) -> String {
        let key = photo::key(self.booking, Uuid::nil(), Utc::now());
        key.trim_end_matches(&Uuid::nil().to_string()).to_owned()
    }

    async fn uploads(&self) -> Vec<String> {
        let found = self.bucket.list(&upload::incoming(&self.place()), None, 100).await.unwrap();
        found.into_iter().map(|upload| upload.key).collect()
    }

    /// How many uploads and originals of this rental are in the bucket.
    async fn objects(&self) -> (usize, usize) {
        (self.uploads().await.len(), self.bucket.list(&self.place(), None, 100).await.unwrap().len())
    }

    /// Three days later the clock has come by.
    async fn forget(&self) {
        self.uploads().await.iter().for_each(|key| self.bed.age(key));
        let before = Utc::now() - TimeDelta::hours(48);
        done(self.ask(&ForgetUploads { before, after: None }).await);
    }

    /// A job whose attempts were all in vain.
    async fn dead(&self, asked: &impl Job) -> NewJob {
        let job = NewJob::new(asked);
        let NewJob { id, queue, kind, payload, .. } = &job;
        let row = format!("'{id}', '{queue}', '{kind}', '{payload}', 1, 'dead', now()");
        let sql = "insert into job (id, queue, kind, payload, max_attempts, state, finished_at) values";
        self.bed.run(&format!("{sql} ({row})")).await;
        job
    }

    async fn replay(&self, job: &NewJob) {
        assert!(ledger::replay(&self.bed.db, job.id).await.unwrap());
        self.bed.hurry(job);
        let done = format!("select count(*) from job where id = '{}' and outcome->>'result' = 'done'", job.id);
        self.bed.until(&done, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_refused_request_brought_is_gone_after_two_days_and_what_counts_stays() {
    let lot = Lot::open().await;
    done(lot.pick_up(&round(1)).await);
    let again = PickUpCar { fuel: 0.8, ..lot.picking_up(&round(2)).await };
    assert_eq!(refused(lot.ask(&again).await).code, "illegal_state");
    assert_eq!(lot.objects().await, (8, 8), "copied before the car was locked");
    // Their front died before it asked for anything.
    lot.picking_up(&round(3)).await;

    done(lot.ask(&ForgetUploads { before: Utc::now() - TimeDelta::hours(48), after: None }).await);
    assert_eq!(lot.objects().await, (12, 8));
    lot.forget().await;
    assert_eq!(lot.objects().await, (0, 4));
    for photo in photo::Entity::counting(&lot.bed.db, lot.booking).await.unwrap() {
        assert!(lot.bucket.size(&photo.object_key).await.unwrap().is_some(), "{}", photo.object_key);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_job_asks_for_waits_until_it_is_replayed_or_discarded() {
    let lot = Lot::open().await;
    let pick_up = lot.dead(&lot.picking_up(&round(1)).await).await;
    lot.forget().await;
    assert_eq!(lot.objects().await, (4, 0));
    lot.replay(&pick_up).await;
    assert_eq!(lot.objects().await, (4, 4));

    let return_id = lot.bring(&round(2)).await;
    let give_back = lot.dead(&lot.give_back(return_id)).await;
    lot.forget().await;
    assert_eq!(lot.objects().await, (4, 4), "those that were put to the addresses of the return");
    lot.replay(&give_back).await;
    assert_eq!(lot.bed.number("select count(*) from photo where state = 'accepted'").await, 8);

    let late = lot.dead(&lot.picking_up(&round(3)).await).await;
    assert!(ledger::discard(&lot.bed.db, late.id).await.unwrap());
    lot.forget().await;
    assert_eq!(lot.objects().await, (0, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_refused_once_it_was_kept_is_evidence_where_it_is_kept() {
    let lot = Lot::open().await;
    done(lot.pick_up(&round(1)).await);
    // The very photos of the pick-up.
    let return_id = lot.bring(&round(1)).await;
    assert_eq!(refused(lot.ask(&lot.give_back(return_id)).await).code, "photos_refused");
    lot.forget().await;
    assert_eq!(lot.objects().await, (0, 8));
    let refused = "select count(*) from photo where refusal = 'photo_reused' and object_key like 'photo/%'";
    assert_eq!(lot.bed.number(refused).await, 4);
}
