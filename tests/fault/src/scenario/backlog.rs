//! More is due than any worker takes at once.

use std::time::Duration;

use anyhow::Result;
use futures::{FutureExt, StreamExt, TryStreamExt, future::LocalBoxFuture, stream};
use serde_json::json;
use uuid::Uuid;

use super::{Scenario, Scene, redis::command};
use crate::database::{number, run};

pub(super) fn row() -> Scenario {
    Scenario::new("35", "redis_backlog", "50,000 due jobs, 4,000 of them just accepted, while no worker runs", backlog)
        .rate(5.0)
        .seconds(90.0)
        .patient(240)
}

const BACKLOG: i64 = 50_000;

/// So long without a job done that nothing is under way any more: longer than any lease.
const WEDGED: Duration = Duration::from_secs(20);

/// Requests that the fronts accept while no worker runs, each with a ticket if there were no window.
const SURGE: i64 = 4_000;

/// The window, and one push of each who pushes beside the others. apalis takes up to about 8,000.
const MOST_TICKETS: i64 = 600;

/// Tickets of a queue that are in Redis.
async fn tickets(scene: &Scene<'_>, queue: &str) -> Result<i64> {
    let mut tickets = 0;
    for (count, name) in [("LLEN", "active"), ("ZCARD", "scheduled")] {
        let key = format!("{}:{queue}:{name}", scene.stage.name);
        tickets += redis::from_redis_value::<i64>(command(scene, &[count, &key]).await?)?;
    }
    Ok(tickets)
}

/// People want to wait for cars that do not exist.
async fn surge(scene: &Scene<'_>) -> Result<()> {
    let (client, customers) = (&scene.stage.client, &scene.cast.customers);
    let ask = |n| async move {
        let wish = json!({ "carId": Uuid::now_v7(), "from": "2030-05-01T10:00:00Z", "to": "2030-05-03T10:00:00Z" });
        client.post_async(n, "/api/v1/waitlist", &customers[n % customers.len()], &wish).await
    };
    stream::iter((0..SURGE as usize).map(ask)).buffer_unordered(16).try_collect().await
}

fn backlog<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let (db, workers) = (&scene.stage.db, || scene.stage.pool("waitlist"));
        for worker in workers() {
            worker.stop().await;
        }
        surge(scene).await?;
        let mut most = tickets(scene, "waitlist").await?;
        // Promotions of cars that do not exist: as cheap as a job can be.
        run(db, &format!(
            "insert into job (id, queue, kind, payload, max_attempts)
             select gen_random_uuid(), 'waitlist', 'promote_waitlist', jsonb_build_object('car_id', gen_random_uuid()), 8
             from generate_series(1, {})",
            BACKLOG - SURGE
        ))
        .await?;
        for worker in workers() {
            worker.resume().await;
        }
        let began = tokio::time::Instant::now();
        let left = "select count(*) from job where queue = 'waitlist' and state in ('ready', 'running')";
        let (mut quarters, mut least, mut moved) = (Vec::new(), BACKLOG, began);
        while quarters.len() < 4 {
            most = most.max(tickets(scene, "waitlist").await?);
            let now = number(db, left).await?;
            if now < least {
                (least, moved) = (now, tokio::time::Instant::now());
            }
            if moved.elapsed() > WEDGED {
                scene.expect(false, format!("{now} of {BACKLOG} jobs are left, and nothing was done for {WEDGED:?}"));
                return Ok(());
            }
            // What the load adds meanwhile is no part of the backlog.
            if now <= BACKLOG - (quarters.len() as i64 + 1) * BACKLOG / 4 + 50 {
                quarters.push(began.elapsed().as_secs_f64());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        scene.note(format!("{most} tickets at most"));
        scene.expect(most <= MOST_TICKETS, format!("{most} tickets were in Redis at a time"));
        scene.note(format!("{:.0} jobs/s", BACKLOG as f64 / quarters[3]));
        let (first, last) = (quarters[0], quarters[3] - quarters[2]);
        scene.expect(last < 2.0 * first + 2.0, format!("the last quarter took {last:.1} s, the first {first:.1} s"));
        Ok(())
    }
    .boxed_local()
}
