//! What a process and `migration` say of a database that is not as it should be.

use platform::{database, settings::Secret};
use tests::{Bed, services};
use uuid::Uuid;

/// An empty database.
async fn empty() -> Bed {
    let mut bed = tests::bed().await;
    let name = format!("empty_{}", Uuid::now_v7().simple());
    bed.settings.database_url = Secret::new(services().await.create_database(&name, None).await.unwrap());
    bed.db = database::connect(&bed.settings).await.unwrap();
    bed
}

async fn why_not_ready(bed: &Bed) -> String {
    database::ready(&bed.db).await.expect_err("it is not ready").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_write_is_not_ready_and_hears_why() {
    let mut bed = tests::bed().await;
    database::ready(&bed.db).await.unwrap();
    let reader = format!("reader_{}", Uuid::now_v7().simple());
    bed.run(&format!("create role {reader} login password 'reader'")).await;
    let owner = bed.db.clone();
    let (_, place) = bed.settings.database_url.expose().split_once('@').unwrap();
    bed.settings.database_url = Secret::new(format!("postgres://{reader}:reader@{place}"));
    bed.db = database::connect(&bed.settings).await.unwrap();
    let grant = async |rights: &str| {
        sea_orm::ConnectionTrait::execute_unprepared(&owner, &format!("grant {rights} to {reader}")).await.unwrap()
    };

    let words = why_not_ready(&bed).await;
    assert!(words.contains("permission denied") && !words.contains("schema"), "{words}");
    grant("select on seaql_migrations").await;
    let words = why_not_ready(&bed).await;
    assert!(words.contains("may not write"), "{words}");
    grant("insert on job").await;
    assert_eq!(why_not_ready(&bed).await, words);
    grant("update on job").await;
    database::ready(&bed.db).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_bring_the_schema_at_the_same_time_both_succeed() {
    let bed = empty().await;
    let words = why_not_ready(&bed).await;
    assert!(words.contains("there is no schema yet"), "{words}");
    let other = database::connect(&bed.settings).await.unwrap();
    let both = tokio::join!(migration::up(&bed.db), migration::up(&other));
    assert!(matches!(both, (Ok(()), Ok(()))), "{both:?}");
    database::ready(&bed.db).await.unwrap();
}
