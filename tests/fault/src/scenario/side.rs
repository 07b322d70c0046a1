//! D: the mail server and the bucket.

use std::time::Duration;

use anyhow::Result;
use futures::{FutureExt, future::LocalBoxFuture};

use super::{Scenario, Scene};
use crate::{
    cast::Crowd,
    proxy::{Mark, Strike, Weather, When},
};

pub(super) fn rows() -> Vec<Scenario> {
    let renters = |row: Scenario| Scenario { crowd: Crowd { rentals: 3, ..Crowd::default() }, ..row };
    vec![
        renters(Scenario::new("58", "bucket_reply_lost", "an upload arrives, its answer does not", upload)),
        renters(Scenario::new("58", "bucket_away", "the bucket is away, then slow", away)),
        Scenario::new("60", "mail_reply_lost", "a mail is taken, the answer to it is lost", mail_reply).patient(90),
        Scenario::new("61", "mail_down", "the mail server is away", mail_down).seconds(16.0).patient(120),
    ]
}

fn upload<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        scene.stage.links.bucket.strike(Strike::new(Mark::HttpPut, When::After, 3));
        tokio::time::sleep(scene.lasts).await;
        scene.expect(scene.stage.links.bucket.struck() > 0, "no upload was struck: nothing was shown");
        Ok(())
    }
    .boxed_local()
}

fn away<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        scene.stage.links.bucket.weather(Weather::Refuse);
        scene.stage.links.bucket.cut();
        tokio::time::sleep(scene.lasts / 2).await;
        scene.stage.links.bucket.weather(Weather::Slow(Duration::from_millis(200)));
        tokio::time::sleep(scene.lasts / 2).await;
        Ok(())
    }
    .boxed_local()
}

fn mail_reply<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        scene.stage.links.smtp.strike(Strike::new(Mark::MailEnd, When::After, 3));
        tokio::time::sleep(scene.lasts).await;
        scene.expect(scene.stage.links.smtp.struck() > 0, "no answer to a mail was lost: nothing was shown");
        Ok(())
    }
    .boxed_local()
}

fn mail_down<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        scene.stage.links.smtp.weather(Weather::Refuse);
        scene.stage.links.smtp.cut();
        tokio::time::sleep(scene.lasts).await;
        Ok(())
    }
    .boxed_local()
}
