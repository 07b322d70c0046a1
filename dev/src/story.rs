//! The story of the demo: from a registration to the decision on a returned car and the answer to a dispute,
//! told over HTTP like any client would, each step checked.

mod act;
mod client;
mod dispute;
mod photos;
mod queue;

use std::{path::PathBuf, time::Instant};

use anyhow::{Context, Result};

pub use photos::Photos;

use crate::Platform;
use client::Client;

/// The timeline that a person reads.
struct Teller {
    began: Instant,
    step: usize,
}

impl Teller {
    fn chapter(&mut self, title: &str) {
        self.step += 1;
        println!("\n{}. {title}", self.step);
    }

    fn say(&self, words: impl AsRef<str>) {
        println!("   {:>6.1} s  {}", self.began.elapsed().as_secs_f64(), words.as_ref());
    }
}

/// Settings for the platform that the story is played on: somebody in it does not answer an offer, and nobody wants to
/// wait hours for that.
#[must_use]
pub fn short_offers() -> Vec<(String, String)> {
    let names = ["WAITLIST_OFFER_SHORTEST_SECONDS", "WAITLIST_OFFER_LONGEST_SECONDS"];
    names.map(|name| (name.to_owned(), "6".to_owned())).to_vec()
}

/// Where the demo's own detector is written: a tiny graph that sees drawn damage and nothing else.
///
/// # Errors
/// The folder cannot be written.
pub fn write_tiny_model(folder: &std::path::Path) -> Result<PathBuf> {
    use sha2::{Digest, Sha256};
    let (model, card) = (folder.join("tiny.onnx"), folder.join("tiny.json"));
    let bytes = crate::tiny_model::onnx();
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::create_dir_all(folder)?;
    std::fs::write(&model, bytes).with_context(|| format!("cannot write {}", model.display()))?;
    std::fs::write(&card, crate::tiny_model::card(&hash))?;
    Ok(model)
}

/// Plays the whole story. `admin_password` is the one of the platform's admin.
///
/// # Errors
/// The first step that did not happen as told.
pub async fn play(platform: &Platform, photos: &Photos) -> Result<()> {
    let mut teller = Teller { began: Instant::now(), step: 0 };
    let admin = platform.admin();
    let password = admin.password.as_deref().context("the admin's password is not known; set ADMIN_PASSWORD")?;
    let client = Client::new(platform.url(), platform.services());
    let house = act::open_the_house(&client, &mut teller, &admin.email, password).await?;
    let booked = act::book(&client, &mut teller, &house).await?;
    act::cancel(&client, &mut teller, &house).await?;
    queue::wait_and_be_asked(&client, &mut teller, &house).await?;
    act::pick_up(&client, &mut teller, &booked, photos).await?;
    let returned = act::give_back(&client, &mut teller, &booked, photos).await?;
    let mail = act::read_the_report(&client, &mut teller, &returned, &admin.email).await?;
    match act::decide(&client, &mut teller, &booked, &mail).await? {
        Some(told) => dispute::dispute(&client, &mut teller, &booked, &told, photos, &admin.email).await?,
        None => teller.say("nothing was found, so there is nothing to dispute"),
    }
    act::return_in_one_request(&client, &mut teller, &house, photos).await?;
    println!("\nEvery step happened.");
    Ok(())
}
