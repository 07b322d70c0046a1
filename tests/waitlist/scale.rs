//! Ten thousand who wait for one class of two hundred cars; `bin/bench promote` measures how long their promotion takes.

use entity::waitlist_entry::{self, POSITIONS, positions};
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder, QuerySelect, TransactionTrait};
use serde_json::Value;
use tests::{
    QUOTE,
    house::noon,
    plan::{nodes, plan},
};
use uuid::Uuid;
use workers::WAITLIST_QUEUE;

use super::yard::{BRANCH, Yard};

/// All cars are booked for days 10 to 12; of the many only every two-hundredth wants these days.
async fn crowd(yard: &Yard) {
    let (from, to) = (noon(10), noon(12));
    yard.bed
        .run(&format!(
            "insert into account (id, email, name, password_hash, role)
             select gen_random_uuid(), 'crowd' || n || '@example.com', 'Somebody', '-', 'customer' from generate_series(1, 10000) n;
             insert into car (id, plate, make, model, year, category, seats, fuel_type, price_per_day, currency, branch_id)
             select gen_random_uuid(), 'C-' || n, 'VW', 'Golf', 2024, 'compact', 5, 'petrol', 5000, 'EUR', '{BRANCH}'
             from generate_series(1, 200) n;
             insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status, quote, total, currency, plate)
             select gen_random_uuid(), 'BK-' || c.plate, c.id, (select id from account limit 1), '{BRANCH}', '{from}', '{to}', 'UTC',
                    'Confirmed', '{QUOTE}', 11900, 'EUR', c.plate from car c;
             insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose, booking_id)
             select gen_random_uuid(), 'car', car_id, starts_at, ends_at + interval '1 hour', 'booking', id from booking;
             insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose)
             select gen_random_uuid(), 'car', id, stretch.starts_at, stretch.ends_at, 'block'
             from car, (values (now(), timestamptz '{from}'), (timestamptz '{to}' + interval '1 hour', now() + interval '390 days')) stretch (starts_at, ends_at);
             insert into waitlist_entry (id, customer_id, category, branch_id, kind, starts_at, ends_at, latest_start, earliest_end, least_minutes)
             select gen_random_uuid(), id, 'compact', '{BRANCH}', 'window', wish.at, wish.at + interval '2 days', wish.at, wish.at + interval '2 days', 2880
             from (select id, row_number() over (order by id) as n from account) person,
                  lateral (select timestamptz '{from}' + make_interval(days => (n % 200)::integer) as at) wish;
             analyze"
        ))
        .await;
}

/// The plan of the look at the queue, as it was carried out for one freed car.
async fn plan_of_queue(yard: &Yard, mode: &str) -> Value {
    let car = Uuid::now_v7();
    let tx = yard.bed.db.begin().await.unwrap();
    let types = "uuid, uuid, text[], timestamptz[], timestamptz[], integer[], bigint, bigint, bigint";
    let (from, to) = (noon(10), noon(12));
    let values = format!(
        "'{car}', '{BRANCH}', '{{compact,economy}}', array['{from}'::timestamptz],
         array['{to}'::timestamptz], '{{2880}}', -9223372036854775808, -9223372036854775808, 200"
    );
    tx.execute_unprepared(&format!("set local plan_cache_mode = {mode}")).await.unwrap();
    plan(&tx, WAITLIST_QUEUE, (types, &values)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_fit_is_not_even_read() {
    let yard = Yard::closed().await;
    crowd(&yard).await;
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let plan = plan_of_queue(&yard, mode).await;
        assert_eq!(plan["Actual Rows"].as_f64(), Some(50.0), "{mode}: {plan:#}");
        let named = |name: &str, word: &str| nodes(&plan).into_iter().filter(|node| node[name] == word).count();
        for index in ["waitlist_entry_class", "waitlist_entry_car"] {
            assert_eq!(named("Index Name", index), 1, "{mode}: {plan:#}");
        }
        assert_eq!(named("Node Type", "Seq Scan"), 0, "{mode}: {plan:#}");
        let number = |node: &Value, name: &str| node[name].as_f64().unwrap_or_default();
        let read = |node: &Value| {
            let rows = number(node, "Actual Rows") + number(node, "Rows Removed by Filter");
            (rows + number(node, "Rows Removed by Index Recheck")) * number(node, "Actual Loops")
        };
        let reads = nodes(&plan).into_iter().filter(|node| node["Relation Name"] == "waitlist_entry");
        let rows: f64 = reads.map(read).sum();
        assert!(rows <= 51.0, "{mode}: {rows} rows were read: {plan:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_found_without_reading_who_waits_no_more() {
    let yard = Yard::closed().await;
    crowd(&yard).await;
    yard.bed
        .run(
            "insert into waitlist_entry (id, customer_id, category, branch_id, kind, starts_at, ends_at, latest_start, earliest_end, least_minutes, state)
             select gen_random_uuid(), customer_id, category, branch_id, kind, starts_at, ends_at, latest_start, earliest_end, least_minutes, 'left'
             from waitlist_entry, generate_series(1, 3);
             analyze waitlist_entry",
        )
        .await;
    let live = waitlist_entry::Entity::find().order_by_asc(waitlist_entry::Column::Seq);
    let page = live.offset(9_980).limit(20).all(&yard.bed.db).await.unwrap();
    let ids: Vec<Uuid> = page.iter().map(|entry| entry.id).collect();
    // Each day is wished for by fifty, and each wish meets those of the day before and of the day after.
    let places = positions(&yard.bed.db, ids.clone()).await.unwrap();
    assert!(ids.iter().all(|id| (99..=150).contains(&places[id])), "{places:?}");

    let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    let values = format!("'{{{}}}', '{{economy,compact,midsize}}'", ids.join(","));
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let tx = yard.bed.db.begin().await.unwrap();
        tx.execute_unprepared(&format!("set local plan_cache_mode = {mode}")).await.unwrap();
        let plan = plan(&tx, POSITIONS, ("uuid[], text[]", &values)).await;
        let entries = nodes(&plan).into_iter().filter(|node| node["Relation Name"] == "waitlist_entry");
        assert!(entries.clone().count() > 0, "{plan:#}");
        assert!(entries.clone().all(|node| node["Node Type"] != "Seq Scan"), "{mode}: {plan:#}");
    }
}
