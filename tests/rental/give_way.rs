//! Whoever must give way to somebody else stands in line again, and does not do the work again.

use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, TransactionTrait, sea_query::Expr};
use serde_json::Value;
use tests::done;

use super::{
    jobs_of,
    lot::{Lot, round},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_a_photo_is_not_taken_again_when_its_job_must_give_way() {
    let lot = Lot::unwatched().await;
    done(lot.pick_up(&round(1)).await);
    let return_id = lot.bring(&round(2)).await;
    done(lot.ask(&lot.give_back(return_id)).await);
    lot.bed.until(&jobs_of("make_thumbnails", "done"), 8).await;

    let holding = lot.bed.db.begin().await.unwrap();
    // Looks take long on a busy machine, and a session that idles for ten seconds would be ended.
    let patient = "set local idle_in_transaction_session_timeout = 0; select id from rental_return for update";
    holding.execute_unprepared(patient).await.unwrap();
    lot.watch().await;
    // The pool looks at two photos at a time. They were looked at when their jobs wait for the return.
    let waiting = "from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    lot.bed.until(&format!("select count(*) {waiting}"), 2).await;
    let since = "(extract(epoch from query_start) * 1000000)::bigint";
    let first = lot.bed.number(&format!("select max({since}) {waiting}")).await;

    // Whoever wants to look once more cannot.
    let looked_at =
        "id in (select (payload->>'photo_id')::uuid from job where kind = 'detect_damage' and state = 'running')";
    let photos = entity::photo::Entity::find().filter(Expr::cust(looked_at)).all(&lot.bed.db).await.unwrap();
    assert_eq!(photos.len(), 2);
    for photo in photos {
        lot.bucket.delete(&photo.object_key).await.unwrap();
    }

    // Both gave way, and wait anew.
    lot.bed.until(&format!("select count(*) {waiting} and {since} > {first}"), 2).await;
    holding.rollback().await.unwrap();

    lot.bed.until(&jobs_of("detect_damage", "done"), 8).await;
    assert_eq!(lot.bed.number("select count(*) from photo where analysis_failure is not null").await, 0);
    assert_eq!(lot.report(return_id).await["notAnalysed"], Value::Null);
}
