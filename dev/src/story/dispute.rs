//! The act of the damage: the customer sees it differently, and a person answers.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::{
    Photos, Teller,
    act::{Booked, csrf, link},
    client::Client,
};
use crate::Mail;

/// A line of a mail's text that begins with these words.
fn line(mail: &Mail, beginning: &str) -> Result<String> {
    let text = mail.text.as_deref().context("the mail has a text part")?;
    let line = text.lines().find(|line| line.starts_with(beginning));
    Ok(line.with_context(|| format!("\"{}\" does not say \"{beginning}\"", mail.subject))?.trim().to_owned())
}

async fn open(client: &Client<'_>, mail: &Mail, words: &str) -> Result<(String, String)> {
    let url = link(mail, "/damage/")?;
    let (status, page) = client.page(&url).await?;
    ensure!(status == 200 && page.contains(words), "the page answered {status} without \"{words}\": {page}");
    Ok((url, page))
}

fn tell(teller: &Teller, mail: &Mail, lines: &[&str]) -> Result<()> {
    teller.say(format!("mail: {}", mail.subject));
    quote(teller, mail, lines)
}

fn quote(teller: &Teller, mail: &Mail, lines: &[&str]) -> Result<()> {
    for beginning in lines {
        teller.say(format!("  \"{}\"", line(mail, beginning)?));
    }
    Ok(())
}

pub(super) async fn dispute(
    client: &Client<'_>,
    teller: &mut Teller,
    booked: &Booked,
    told: &Mail,
    photos: &Photos,
    admin: &str,
) -> Result<()> {
    teller.chapter("The customer disputes the damage with a photo, and a person answers");
    quote(teller, told, &["1. left, door: scratch", "We ask for"])?;
    // The time to answer begins with the mail server's word, which is written down a moment after the mail is there.
    let may_answer = |list: &serde_json::Value| list["items"][0]["state"] == "notified";
    client.until("the customer may answer", "/api/v1/damage-cases", &booked.token, may_answer).await?;
    let (url, page) = open(client, told, "PLEASE ANSWER").await?;
    let (_, photo) = photos.take(false)?.swap_remove(2);
    let words = "Half of it was there when I took the car; please look at my photo.";
    let texts = [("csrf", csrf(&page)?), ("words", words.to_owned()), ("press", "dispute".to_owned())];
    let (status, page) = client.send_statement(&url, texts, photo).await?;
    ensure!(status == 200 && page.contains("DISPUTED"), "the dispute was answered {status}: {page}");
    teller.say("disputed on the page behind the link, with one photo; nothing is charged meanwhile");

    let asked = client.mail(admin, "[Dispute]").await?;
    tell(teller, &asked, &["Half of it", "Photos sent with it"])?;
    settle(client, &asked).await?;
    teller.say("the admin sees words and photo and reduces the amount to 90.00 EUR");

    let answer: Arc<Mail> = client.mail(&booked.email, "How your damage case ended").await?;
    tell(teller, &answer, &["The amount is lower now", "Confirmed:", "Asked for now:", "Your photo shows"])?;
    let (_, page) = open(client, told, "REDUCED").await?;
    ensure!(!page.contains("name=\"csrf\""), "the customer's page still asks");
    Ok(())
}

/// What staff do on the page that their mail links to.
async fn settle(client: &Client<'_>, asked: &Mail) -> Result<()> {
    let (url, page) = open(client, asked, "Photo 1").await?;
    let csrf = csrf(&page)?;
    let words = "Your photo shows one of the two marks. We ask for the other one only.";
    let fields = [("csrf", csrf.as_str()), ("press", "reduce"), ("amount", "90.00"), ("words", words)];
    let (status, page) = client.send_form(&url, &fields).await?;
    ensure!(status == 200 && page.contains("REDUCED"), "the answer was answered {status}: {page}");
    Ok(())
}
