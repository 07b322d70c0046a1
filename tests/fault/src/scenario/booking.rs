//! E: many who want the same car at the same time.

use std::time::Duration;

use anyhow::Result;
use futures::{
    FutureExt,
    future::{LocalBoxFuture, try_join_all},
};

use super::{Scenario, Scene};
use crate::{
    cast::booking,
    database::{number, run},
    dice::Dice,
    ledger::Fate,
    wait::until_ok,
};

pub(super) fn rows() -> Vec<Scenario> {
    vec![
        Scenario::new("64", "one_car", "two hundred who want one car at once, their dates overlapping", one_car)
            .alone(),
        Scenario::new("50", "conflict_storm", "sixty-four clients on one car, every fourth write gives way", storm)
            .alone(),
        Scenario::new("66", "hold_expiry", "bookings at the very moment at which a hold ends", hold_expiry).alone(),
    ]
}

/// Those who were refused dates that nobody has, with the time that the car needs between two customers.
const REFUSED_IN_VAIN: &str = "
select count(*) from job j where j.kind = 'request_booking' and j.outcome->>'result' = 'refused' and not exists (
    select 1 from reservation r join booking b on b.id = r.booking_id
    where r.resource_id = (j.payload->>'car_id')::uuid and r.starts_at < (j.payload->>'end')::timestamptz + (r.ends_at - b.ends_at)
      and (j.payload->>'start')::timestamptz < r.ends_at)";

fn one_car<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let (client, mut dice) = (&scene.stage.client, scene.dice("one car"));
        let until = client.ledger.now() + 60.0;
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
        scene.expect(count(201) > 0, "nobody got the car");
        let in_vain = number(&scene.stage.db, REFUSED_IN_VAIN).await?;
        scene.expect(in_vain == 0, format!("{in_vain} were refused although the car was free"));
        let tries = crate::ledger::read(client.ledger.path())?.into_iter().flat_map(|wish| wish.tries);
        // A machine that is busy may ask to come back later; nothing else is excused.
        let errors = tries.filter(|one| one.fate == Fate::Unknown && one.status != Some(503)).count();
        scene.expect(errors == 0, format!("{errors} requests got no answer or an error"));
        Ok(())
    }
    .boxed_local()
}

/// PostgreSQL's own words for who has to give way, at a statement and at the COMMIT.
const STORM: &str = "
create function checker.give_way() returns trigger language plpgsql as $$
begin
    if random() < 0.25 then
        raise exception 'forced' using errcode = case when random() < 0.5 then '40001' else '40P01' end;
    end if;
    return null;
end $$;
create trigger storm after insert on reservation for each row execute function checker.give_way();
create constraint trigger storm_at_commit after insert on booking deferrable initially deferred
    for each row execute function checker.give_way();";

const CALM: &str = "drop trigger storm on reservation; drop trigger storm_at_commit on booking;";

const PATIENCE: Duration = Duration::from_secs(20);

/// Sixty-four at once; gives how long the last of them waited, in seconds.
async fn rush(scene: &Scene<'_>, dice: &mut Dice, ahead: i64) -> Result<f64> {
    let client = &scene.stage.client;
    let asks = (0..64).map(|turn| {
        let mut wanted = booking(&scene.cast.cars[0], ahead + dice.below(60) as i64, 1);
        wanted.wait = 20;
        let who = &scene.cast.customers[turn % scene.cast.customers.len()];
        async move {
            let began = client.ledger.now();
            let answer = client.ask(Some(who), turn, &wanted).await?;
            scene.expect(answer.is(201) || answer.is(409), format!("somebody was told {:?}", answer.status));
            anyhow::Ok(client.ledger.now() - began)
        }
    });
    Ok(try_join_all(asks).await?.into_iter().fold(0.0, f64::max))
}

fn storm<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let (db, mut dice) = (&scene.stage.db, scene.dice("storm"));
        let calm = rush(scene, &mut dice, 5).await?;
        // It locks two tables that bookings are being written to: it may itself be the one that gives way.
        until_ok(PATIENCE, async || run(db, STORM).await).await?;
        let stormy = rush(scene, &mut dice, 90).await?;
        until_ok(PATIENCE, async || run(db, CALM).await).await?;
        let gave_way = scene.stage.metric("db_retry_total").await;
        scene.note(format!("gave way {gave_way} times; the last waited {stormy:.1} s, without it {calm:.1} s"));
        scene.expect(gave_way > 0.0, "nobody had to give way: nothing was shown");
        // Five tries in vain are a failure, which is tried again after a second and a bit.
        scene.expect(stormy < 2.0 * calm + 3.0, format!("somebody waited for {stormy:.1} s"));
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
            tokio::time::sleep(Duration::from_millis(700)).await;
            let around = try_join_all((0..10).map(|n| {
                let ask = ask(n);
                async move {
                    tokio::time::sleep(Duration::from_millis(40 * n as u64)).await;
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
