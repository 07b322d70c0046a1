//! What is known of a case leaves the house as files: for a dispute, and for the next model.

use dev::picture::{Scene, Side};
use entity::{damage_case::DisputePhoto, derivative, photo};
use jobs::Queue;
use platform::Bucket;
use sea_orm::{EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::house::text;

use super::damage::Yard;

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_of_a_case_is_the_same_file_until_the_case_changes() {
    let yard = Yard::open().await;
    yard.house.bed.work(Queue::Thumbnail, workers::registry()).await;
    let case = yard.confirmed().await;
    let path = format!("/api/v1/admin/damage-cases/{}/evidence", text(&case, "id"));
    let export = async || {
        let exported = yard.post(&path, &yard.admin, json!({})).await;
        assert_eq!(exported.status, 200, "{exported:?}");
        exported.body
    };
    let (one, two) = (export().await, export().await);
    assert_eq!(one, two);
    let fetched = async |address: &str| {
        let found = yard.house.get(address, Some(&yard.admin)).await;
        assert_eq!(found.status, 302, "{found:?}");
        reqwest::get(found.headers["location"].to_str().unwrap()).await.unwrap().bytes().await.unwrap()
    };
    let (json, pdf) = (fetched(&text(&one["json"], "address")).await, fetched(&text(&one["pdf"], "address")).await);
    assert_eq!(hex::encode(Sha256::digest(&pdf)), text(&one["pdf"], "sha256"));
    assert!(pdf.starts_with(b"%PDF-") && pdf.windows(9).filter(|part| part == b"DCTDecode").count() == 8);
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["photos"].as_array().unwrap().len(), 8);
    assert_eq!((&json["case"]["items"][0]["side"], &json["register"][0]["panel"]), (&json!("left"), &json!("door")));
    assert!(pdf.windows(19).any(|part| part == b"left, door: scratch"), "the item with its panel");
    let actions: Vec<_> = json["audit"].as_array().unwrap().iter().map(|line| text(line, "action")).collect();
    assert!(actions.contains(&"damage_case_confirmed".to_owned()) && actions.contains(&"decide_return".to_owned()));
    let exports = "select count(*) from audit_log where action = 'damage_evidence_exported'";
    assert_eq!(yard.house.bed.number(exports).await, 2);

    let stranger = yard.post(&path, &yard.customer, json!({})).await;
    assert_eq!(stranger.status, 403);
    let guess = format!("{path}/{}/pdf", "0".repeat(64));
    assert_eq!(yard.house.get(&guess, Some(&yard.admin)).await.status, 404);
    let photo = Scene { width: 1_200, ..Scene::new(Side::Left, 9) }.jpeg();
    let hash = hex::encode(Sha256::digest(&photo));
    let disputed = yard.dispute_with(&case, photo).await;
    assert_eq!(disputed.status, 200, "{disputed:?}");
    let more = export().await;
    assert_ne!(more["json"]["sha256"], one["json"]["sha256"]);
    let (json, pdf) = (fetched(&text(&more["json"], "address")).await, fetched(&text(&more["pdf"], "address")).await);
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(
        (&json["disputePhotos"][0]["sha256"], &json["disputePhotos"][0]["ip"]),
        (&json!(hash), &json!("127.0.0.1"))
    );
    assert!(pdf.windows(hash.len()).any(|part| part == hash.as_bytes()), "the hash for people");
    assert_eq!(pdf.windows(9).filter(|part| part == b"DCTDecode").count(), 9, "and the photo itself");

    let remark = b"180.00 EUR, not asked for: no pick-up photo of this side";
    assert!(!pdf.windows(remark.len()).any(|part| part == remark));
    // What was lost is told, and the rest is evidence still.
    let bucket = Bucket::new(&yard.house.bed.settings.bucket);
    let copy = derivative::Entity::find().one(&yard.house.bed.db).await.unwrap().unwrap();
    bucket.delete(&copy.object_key).await.unwrap();
    let sent = text(&json["disputePhotos"][0], "id").parse().unwrap();
    bucket.delete(&DisputePhoto::copy_key(text(&case, "id").parse().unwrap(), sent)).await.unwrap();
    let pdf = fetched(&text(&export().await["pdf"], "address")).await;
    let lost = b"the small copy is no longer in the bucket";
    assert_eq!(pdf.windows(lost.len()).filter(|part| part == lost).count(), 2);
    assert_eq!(pdf.windows(9).filter(|part| part == b"DCTDecode").count(), 7);

    yard.house.bed.run("update photo set state = 'refused' where occasion = 'pickup' and slot = 'left'").await;
    let pdf = fetched(&text(&export().await["pdf"], "address")).await;
    assert!(pdf.windows(remark.len()).any(|part| part == remark));
}

impl Yard {
    /// Puts a file where the original of a photo lies, which was accepted with these bytes.
    async fn original(&self, which: &str, accepted: &[u8], lies_there: &[u8]) {
        let bed = &self.house.bed;
        let hash = hex::encode(Sha256::digest(accepted));
        bed.run(&format!("update photo set sha256 = decode('{hash}', 'hex') where {which}")).await;
        let photo = photo::Entity::find().filter(Expr::cust(which.to_owned())).one(&bed.db).await.unwrap().unwrap();
        Bucket::new(&bed.settings.bucket).put(&photo.object_key, "image/jpeg", lies_there.to_vec()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_decided_becomes_a_folder_to_learn_from() {
    let yard = Yard::open().await;
    yard.confirmed().await;
    let bucket = Bucket::new(&yard.house.bed.settings.bucket);
    let jpeg = Scene { width: 1_200, ..Scene::new(Side::Left, 2) }.jpeg();
    let size = image::load_from_memory(&jpeg).unwrap();
    let id = yard.confirmed_photo().await;
    yard.original(&format!("id = '{id}'"), &jpeg, &jpeg).await;
    // On one of the others the decision says nothing of an older mark, one was changed, and one is no photo.
    let of_side = |side: &str| format!("occasion = 'return' and slot = '{side}'");
    yard.original(&of_side("right"), &jpeg, &jpeg).await;
    let known = "insert into damage (id, car_id, side, panel, class, severity, created_at)
                 select gen_random_uuid(), id, 'right', 'door', 'dent', 'minor', now() - interval '1 year' from car";
    yard.house.bed.run(known).await;
    yard.original(&of_side("front"), &jpeg, b"another file").await;
    yard.original(&of_side("back"), b"no photo", b"no photo").await;
    let folder = std::env::temp_dir().join(format!("forecourt-teaching-{}", uuid::Uuid::new_v4()));
    let taught = workers::damage::teaching::write(&yard.house.bed.db, &bucket, &folder).await.unwrap();
    assert_eq!((taught.photos, taught.marks, taught.left_out), (1, 1, 3), "{taught:?}");
    let coco: Value = serde_json::from_slice(&std::fs::read(folder.join("annotations.json")).unwrap()).unwrap();
    let name = text(&coco["images"][0], "file_name");
    assert_eq!(coco["categories"], json!([{ "id": 0, "name": "scratch" }]));
    assert_eq!(coco["annotations"][0]["bbox"][0], json!(0.55 * f64::from(size.width())));
    let written = image::open(folder.join("images").join(&name)).unwrap();
    assert_eq!(written.width(), size.width());
    assert!(name.split('-').next().unwrap().bytes().all(|byte| byte.is_ascii_digit()), "{name}");
    std::fs::remove_dir_all(folder).unwrap();
}
