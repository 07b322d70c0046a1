//! Rule 10: every comparison of times uses the database's clock.

use jobs::ledger;

use super::{QUEUE, accept, bed, kinds, registry, state_is};

/// Makes this test's database believe that it is an hour later (or earlier) than this process does.
async fn shift_database_clock(bed: &tests::Bed, by: &str) {
    bed.run(&format!(
        "create schema shifted;
         create function shifted.clock_timestamp() returns timestamptz language sql volatile
             as $$ select pg_catalog.clock_timestamp() + interval '{by}' $$;
         create function shifted.now() returns timestamptz language sql stable
             as $$ select pg_catalog.now() + interval '{by}' $$;"
    ))
    .await;
    let database = bed.settings.redis_prefix.trim_end_matches(':');
    bed.run(&format!("alter database {database} set search_path = shifted, public, pg_catalog")).await;
}

/// The same bed through connections that were opened after the shift.
async fn reconnected(mut bed: tests::Bed) -> tests::Bed {
    bed.db = platform::database::connect(&bed.settings).await.unwrap();
    bed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_clock_is_an_hour_off_neither_steals_nor_starves() {
    for by in ["1 hour", "-1 hour"] {
        let bed = bed().await;
        shift_database_clock(&bed, by).await;
        let bed = reconnected(bed).await;

        let stalled = accept(&bed, &kinds::Mark {}).await;
        ledger::claim(&bed.db, QUEUE, &[stalled], "alive").await.unwrap();
        bed.work(QUEUE, registry()).await;
        let id = accept(&bed, &kinds::Mark {}).await;
        bed.until(&state_is(id, "done"), 1).await;

        assert_eq!(bed.number("select sum(crashes) from job").await, 0, "a live lease was taken for a dead one ({by})");
        assert_eq!(bed.number(&state_is(stalled, "running")).await, 1);
        assert_eq!(bed.number(&format!("select attempt from job where id = '{id}'")).await, 1);
    }
}
