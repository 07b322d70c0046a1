//! D: fronts and their clients.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Result;
use dev::Signal;
use futures::{
    FutureExt,
    future::{LocalBoxFuture, join_all, try_join_all},
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{Scenario, Scene};
use crate::{cast::booking, database::number};

pub(super) fn rows() -> Vec<Scenario> {
    vec![
        Scenario::new("51", "same_key", "one request fifty times at once, at both fronts", same_key).alone(),
        Scenario::new("52", "key_reused", "a key with another body, and in another's hands", key_reused).alone(),
        Scenario::new("53", "kill_front", "kill -9 of fronts by chance", kill),
        Scenario::new("56", "slowloris", "two hundred clients that never finish their request", slowloris),
        Scenario::new("57", "overload", "eight times the load", overload).rate(240.0).seconds(8.0).patient(120),
    ]
}

fn same_key<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        for round in 0..8 {
            // Days that the load leaves alone, or it may have been faster.
            let wanted = booking(&scene.cast.cars[round % scene.cast.cars.len()], 200 + 4 * round as i64, 2);
            let who = &scene.cast.customers[round % scene.cast.customers.len()];
            let asks = (0..50).map(|front| scene.stage.client.ask(Some(who), front, &wanted));
            let answers = try_join_all(asks).await?;
            let ids: BTreeSet<_> = answers.iter().filter(|one| one.is(201)).filter_map(|one| one.text("id")).collect();
            scene.expect(ids.len() == 1, format!("{} different bookings for one key", ids.len()));
            let errors = answers.iter().filter(|one| !one.is(201) && !one.is(202)).count();
            scene.expect(errors == 0, format!("{errors} of 50 repeats were answered with an error"));
        }
        Ok(())
    }
    .boxed_local()
}

fn key_reused<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let (client, car) = (&scene.stage.client, &scene.cast.cars[0]);
        let (first, second) = (&scene.cast.customers[0], &scene.cast.customers[1]);
        for round in 0..5 {
            let wanted = booking(car, 5 + 8 * round, 2);
            let won = client.ask(Some(first), 0, &wanted).await?;
            scene.expect(won.is(201), format!("a free car was not booked: {won:?}"));
            let other = booking(car, 8 + 8 * round, 2).body;
            let reused = client.post_key(1, &wanted.path, first, &wanted.key, &other).await?;
            scene.expect(reused == 422, format!("a key with another body was answered {reused}"));
            let mut theirs = booking(&scene.cast.cars[1], 5 + 8 * round, 2);
            theirs.key = wanted.key;
            let theirs = client.ask(Some(second), 1, &theirs).await?;
            scene.expect(theirs.is(201), format!("another's key stood in the way: {theirs:?}"));
        }
        Ok(())
    }
    .boxed_local()
}

fn kill<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let mut dice = scene.dice("front");
        scene
            .times(5, async || {
                let _ = scene.stage.fronts[dice.below(scene.stage.fronts.len())].signal(Signal::SIGKILL);
                Ok(())
            })
            .await
    }
    .boxed_local()
}

fn slowloris<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let address = scene.stage.client.front(0).trim_start_matches("http://").to_owned();
        let stall = async || {
            let mut socket = TcpStream::connect(&address).await?;
            socket.write_all(b"POST /api/v1/bookings HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n").await?;
            anyhow::Ok(socket)
        };
        let sockets = join_all((0..200).map(|_| stall())).await;
        let open = sockets.iter().filter(|socket| socket.is_ok()).count();
        scene.note(format!("{open} sockets"));
        let unknown = || scene.stage.client.ledger.tally.unknown.load(std::sync::atomic::Ordering::Relaxed);
        let before = unknown();
        tokio::time::sleep(scene.lasts).await;
        scene.expect(unknown() == before, "others were kept waiting by clients that never finish");
        Ok(())
    }
    .boxed_local()
}

fn overload<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        tokio::time::sleep(scene.lasts + Duration::from_secs(4)).await;
        let dead = number(&scene.stage.db, "select count(*) from job where state = 'dead'").await?;
        scene.expect(dead == 0, format!("{dead} jobs were given up under load"));
        Ok(())
    }
    .boxed_local()
}
