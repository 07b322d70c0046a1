//! A dispute that brings photos: kept as they came, shown to who decides, and gone when it is refused.

use chrono::{TimeDelta, Utc};
use dev::picture::{Scene, Side};
use entity::upload;
use jobs::{Queue, photo::ForgetUploads};
use platform::Bucket;
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tests::{
    done,
    house::{send, text},
};

use super::damage::{Yard, words};

/// A form as a browser sends it, with some photos.
pub(super) fn form(texts: &[(&'static str, &str)], photos: Vec<Vec<u8>>) -> Form {
    let texts = texts.iter().fold(Form::new(), |form, (name, text)| form.text(*name, (*text).to_owned()));
    photos.into_iter().fold(texts, |form, photo| form.part("photos", Part::bytes(photo).file_name("IMG_1.JPG")))
}

fn scene(seed: u64) -> Vec<u8> {
    Scene { width: 1_200, ..Scene::new(Side::Left, seed) }.jpeg()
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_of_a_dispute_are_kept_as_they_came_and_shown_to_who_decides() {
    let yard = Yard::open().await;
    let case = yard.confirmed().await;
    let path = yard.link(&yard.customer, "Damage found").await;
    let html = words(&yard.house.get(&path, None).await).to_owned();
    let csrf = html.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let texts = [("csrf", csrf), ("words", "Look at my photos"), ("press", "dispute")];
    let post = |form| send(yard.house.ask(Method::POST, &path).header("Prefer", "wait=30").multipart(form));
    let send = |photos| post(form(&texts, photos));

    let short = post(form(&[texts[0], ("words", "No"), texts[2]], vec![])).await;
    assert!(words(&short).contains("in 3 to 4000 letters") && short.status == 422, "{short:?}");
    let many = send(vec![scene(1); 30]).await;
    assert_eq!(many.status, 422);
    assert!(words(&many).contains("Send at most 5 photos.") && words(&many).contains("Look at my photos"), "{many:?}");
    let none = send(vec![scene(1), b"%PDF-1.7".to_vec()]).await;
    assert!(words(&none).contains("Photo 2: ") && none.status == 422, "{none:?}");
    let torn = send(vec![scene(1), scene(2)[..20_000].to_vec()]).await;
    assert!(words(&torn).contains("Photo 2: ") && torn.status == 422, "{torn:?}");
    let bucket = Bucket::new(&yard.house.bed.settings.bucket);
    let kept = format!("dispute/{}", text(&case, "id"));
    assert!(bucket.list(&kept, None, 10).await.unwrap().is_empty(), "what is refused leaves nothing behind");
    assert_eq!(yard.case().await["state"], "notified");

    let (one, two) = (scene(1), scene(2));
    let disputed = send(vec![one.clone(), two.clone()]).await;
    assert!(words(&disputed).contains("DISPUTED"), "{disputed:?}");
    let again = send(vec![scene(3)]).await;
    assert!(words(&again).contains("DISPUTED") && again.status == 409, "{again:?}");
    let photos = yard.case().await["disputePhotos"].clone();
    let hashes: Vec<_> = [&one, &two].map(|photo| hex::encode(Sha256::digest(photo))).into();
    assert_eq!([text(&photos[0], "sha256"), text(&photos[1], "sha256")], hashes[..]);
    assert!(yard.mail(&yard.admin, "[Dispute]").await.contains("Photos sent with it: 2."));

    let staff = yard.link(&yard.admin, "[Dispute]").await;
    let shown = yard.house.get(&staff, None).await;
    let short = yard.press(&staff, "press=uphold&words=No").await;
    assert!(words(&short).contains("in 3 to 2000 letters") && short.status == 422, "{short:?}");
    assert_eq!(yard.case().await["state"], "disputed");
    let copy = format!("{staff}/photo/{}/1600", text(&photos[0], "id"));
    assert!(words(&shown).contains(&copy), "{shown:?}");
    let jpeg = reqwest::get(format!("{}{copy}", yard.house.url)).await.unwrap();
    assert_eq!(jpeg.headers().get_all("content-type").iter().collect::<Vec<_>>(), ["image/jpeg"]);
    let jpeg = jpeg.bytes().await.unwrap();
    assert!(jpeg.starts_with(b"\xff\xd8") && jpeg != one);
    let looked = format!(
        "select count(*) from audit_log where action = 'show_original' and subject_id = '{}' and actor = '{}'",
        text(&photos[0], "id"),
        yard.admin.id
    );
    assert_eq!(yard.house.bed.number(&looked).await, 0);
    let found = yard.house.get(&text(&photos[0], "original"), Some(&yard.admin)).await;
    let original = reqwest::get(found.headers["location"].to_str().unwrap()).await.unwrap().bytes().await.unwrap();
    assert!(original == one, "byte for byte");
    assert_eq!(yard.house.bed.number(&looked).await, 1);
    let stranger = yard.house.customer().await;
    assert_eq!(yard.house.get(&text(&photos[0], "original"), Some(&stranger)).await.status, 404);
    assert_eq!(yard.house.get(&text(&photos[0], "original"), Some(&yard.customer)).await.status, 302);
    assert_eq!(yard.house.bed.number(&looked).await, 1, "nobody else looked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_that_is_refused_after_its_answer_is_told_to_whoever_looks_again() {
    let yard = Yard::open().await;
    yard.confirmed().await;
    let path = yard.link(&yard.customer, "Damage found").await;
    let html = words(&yard.house.get(&path, None).await).to_owned();
    let csrf = html.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let texts = [("csrf", csrf), ("words", "Look at my photo"), ("press", "dispute")];
    let post = |photo| {
        let request = yard.house.ask(Method::POST, &path).header("Prefer", "respond-async");
        send(request.multipart(form(&texts, vec![photo])))
    };
    let look_again = |page: &str| {
        let link = page.split("<a href=\"").last().and_then(|rest| rest.split('"').next()).unwrap();
        let link = link.replace("&#x3D;", "=");
        assert!(link.starts_with(&format!("{path}?job=")) && !page.contains("need not do"), "{page}");
        link
    };
    let ended = async |link: &str| {
        tests::until("the dispute has ended", || async {
            let page = words(&yard.house.get(link, None).await).to_owned();
            let pending = page.contains("being carried out");
            assert!(!pending || !page.contains("<form"), "nothing is asked for while it is undecided: {page}");
            (!pending).then_some(page)
        })
        .await
    };

    let pending = post(scene(2)[..20_000].to_vec()).await;
    assert_eq!(pending.status, 202);
    let refused = ended(&look_again(words(&pending))).await;
    assert!(refused.contains("Photo 1: ") && refused.contains("Look at my photo</textarea>"), "{refused}");
    assert_eq!(yard.case().await["state"], "notified");
    let foreign = format!("{path}?job={}", uuid::Uuid::new_v4());
    assert!(!words(&yard.house.get(&foreign, None).await).contains("Photo 1: "));

    let pending = post(scene(2)).await;
    let done = ended(&look_again(words(&pending))).await;
    assert!(done.contains("DISPUTED") && done.contains("Look at my photo") && !done.contains("not used"), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_through_the_contract_may_bring_photos_too() {
    let yard = Yard::open().await;
    let case = yard.confirmed().await;
    let path = format!("/api/v1/damage-cases/{}/dispute", text(&case, "id"));
    let dispute = |form| {
        let request = yard.house.ask(Method::POST, &path).bearer_auth(&yard.customer.token);
        send(request.header("Prefer", "wait=30").header("Idempotency-Key", "once").multipart(form))
    };
    let wrong = dispute(form(&[("words", "W")], vec![b"GIF89a".to_vec()])).await;
    assert_eq!((wrong.code(), &wrong.body["errors"][0]["pointer"]), ("photos_refused", &json!("/photos/0")));
    let wrong = dispute(form(&[("words", "W")], vec![])).await;
    let pointers = [&wrong.body["errors"][0]["pointer"], &wrong.body["errors"][1]["pointer"]];
    assert_eq!((wrong.code(), pointers), ("validation_failed", [&json!("/words"), &json!("/reason")]));

    let right = || form(&[("reason", "It was there.")], vec![scene(1)]);
    let first = dispute(right()).await;
    yard.house.bed.until("select count(*) from damage_case where state = 'disputed'", 1).await;
    let again = dispute(right()).await;
    assert_eq!((again.status.as_u16(), &again.body["disputePhotos"][0]["width"]), (200, &json!(1_200)), "{again:?}");
    assert!(first.status.is_success(), "the same request under the same key: {first:?}");
    let other = dispute(form(&[("reason", "It was there.")], vec![scene(2)])).await;
    assert_eq!(other.status, 422, "another photo under the same key: {other:?}");

    let bucket = Bucket::new(&yard.house.bed.settings.bucket);
    let kept = async || bucket.list(&format!("dispute/{}", text(&case, "id")), None, 10).await.unwrap().len();
    let before = kept().await;
    assert_eq!(yard.dispute_with(&case, scene(3)).await.code(), "illegal_state");
    assert_eq!(kept().await, before, "a second dispute leaves neither original nor copy");

    // A year later, when the job of the first is cleared away, its key brings the same photo under the same id.
    yard.house.bed.run("delete from job where idempotency_key like 'once %'").await;
    assert_eq!(dispute(right()).await.code(), "illegal_state");
    assert_eq!(kept().await, before, "what the case names stays");

    let place = upload::incoming(&format!("dispute/{}", text(&case, "id")));
    let uploads = async || bucket.list(&place, None, 10).await.unwrap();
    assert_eq!(uploads().await.len(), 3, "that of the dispute, of its key used again, of the second dispute");
    for waiting in uploads().await {
        let original = upload::kept(&waiting.key).unwrap();
        if bucket.size(original).await.unwrap().is_none() {
            // As an attempt leaves it that fails before its end.
            bucket.copy(&waiting.key, original).await.unwrap();
            bucket.put(&format!("{original}.jpg"), "image/jpeg", vec![1]).await.unwrap();
        }
        yard.house.bed.age(&waiting.key);
    }
    assert_eq!(kept().await, before + 4);
    yard.house.bed.work(Queue::Thumbnail, workers::registry()).await;
    let forget = ForgetUploads { before: Utc::now() - TimeDelta::hours(48), after: None };
    done(yard.house.bed.ask(&forget).await);
    assert_eq!((uploads().await.len(), kept().await), (0, before), "what no case names is gone");

    yard.house.bed.run("update damage_case set items = '[1]'").await;
    let path = format!("/api/v1/damage-cases/{}", text(&case, "id"));
    let unreadable = yard.house.get(&path, Some(&yard.customer)).await;
    assert_eq!(unreadable.status, 500, "nobody is told that nothing was confirmed: {unreadable:?}");
}
