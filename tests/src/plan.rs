use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::Value;

/// Runs a statement that has parameters of these types, and tells how PostgreSQL went about it. `db` must be one session.
pub async fn plan(db: &impl ConnectionTrait, statement: &str, (types, values): (&str, &str)) -> Value {
    db.execute_unprepared(&format!("prepare explained ({types}) as {statement}")).await.unwrap();
    let explain = format!("explain (analyze, format json) execute explained ({values})");
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, explain)).await.unwrap().unwrap();
    db.execute_unprepared("deallocate explained").await.unwrap();
    row.try_get_by_index::<Value>(0).unwrap()[0]["Plan"].clone()
}

/// A plan and every plan below it.
pub fn nodes(plan: &Value) -> Vec<&Value> {
    let below = plan["Plans"].as_array().into_iter().flatten().flat_map(nodes);
    std::iter::once(plan).chain(below).collect()
}
