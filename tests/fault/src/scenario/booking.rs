//! E: many who want the same car at the same time.

use anyhow::Result;
use futures::{
    FutureExt,
    future::{LocalBoxFuture, try_join_all},
};

use super::{Scenario, Scene};
use crate::{cast::booking, database::run, ledger::Fate};

pub(super) fn rows() -> Vec<Scenario> {
    vec![
        Scenario::new("64", "one_car", "two hundred who want one car at once, their dates overlapping", one_car)
            .alone(),
        Scenario::new("66", "hold_expiry", "bookings at the very moment at which a hold ends", hold_expiry).alone(),
    ]
}

fn one_car<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let (client, mut dice) = (&scene.stage.client, scene.dice("one car"));
        let until = client.ledger.now() + 40.0;
        let asks = (0..200).map(|turn| {
            let mut wanted = booking(&scene.cast.cars[0], 5 + dice.below(12) as i64, 1 + dice.below(3) as i64);
            wanted.wait = 10;
            let who = &scene.cast.customers[turn % scene.cast.customers.len()];
            async move {
                let mut answer = client.insist(Some(who), turn, &wanted, until).await?;
                while answer.is(202) && client.ledger.now() < until {
                    answer = client.insist(Some(who), turn, &wanted, until).await?;
                }
                anyhow::Ok(answer)
            }
        });
        let answers = try_join_all(asks).await?;
        let count = |status| answers.iter().filter(|answer| answer.is(status)).count();
        scene.note(format!("{} won, {} refused", count(201), count(409)));
        scene.expect(count(201) + count(409) == 200, "somebody was told neither yes nor no");
        scene.expect(count(201) >= 5, "hardly anybody got the car");
        let tries = crate::ledger::read(client.ledger.path())?.into_iter().flat_map(|wish| wish.tries);
        // A machine that is busy may ask to come back later; nothing else is excused.
        let errors = tries.filter(|one| one.fate == Fate::Unknown && one.status != Some(503)).count();
        scene.expect(errors == 0, format!("{errors} requests got no answer or an error"));
        Ok(())
    }
    .boxed_local()
}

/// Holds end by themselves: before that the time is taken, after it it is free, whoever swept or did not.
fn hold_expiry<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let client = &scene.stage.client;
        for round in 0..8 {
            let car = &scene.cast.cars[round % scene.cast.cars.len()];
            let wanted = booking(car, 5 + 5 * round as i64, 2);
            let hold = format!(
                "insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose, expires_at)
                 values (gen_random_uuid(), 'car', '{car}', '{}', '{}', 'checkout', clock_timestamp() + interval '900 ms')",
                wanted.body["startDate"].as_str().unwrap_or_default(),
                wanted.body["endDate"].as_str().unwrap_or_default(),
            );
            run(&scene.stage.db, &hold).await?;
            let ask = |n: usize| {
                let mut early = wanted.clone();
                early.key = uuid::Uuid::new_v4().to_string();
                async move { client.ask(Some(&scene.cast.customers[n % scene.cast.customers.len()]), n, &early).await }
            };
            let early = ask(0).await?;
            scene.expect(early.is(409), format!("a held car was given away: {:?}", early.status));
            tokio::time::sleep(std::time::Duration::from_millis(700)).await;
            let around = try_join_all((0..10).map(|n| {
                let ask = ask(n);
                async move {
                    tokio::time::sleep(std::time::Duration::from_millis(40 * n as u64)).await;
                    ask.await
                }
            }));
            let answers = around.await?;
            let won = answers.iter().filter(|one| one.is(201)).count();
            let late = if won == 0 { usize::from(ask(3).await?.fate == Fate::Ok) } else { won };
            scene.expect(late == 1, format!("{late} got the car whose hold had ended"));
        }
        Ok(())
    }
    .boxed_local()
}
