//! Many reports in one mail, for a recipient who would otherwise drown in them.

use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use entity::{account, decision_call, delivery};
use jobs::{
    Job,
    notify::{News, SendDigest},
};
use lettre::{Address, message::Mailbox};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    call,
    deliver::LATER,
    facts::{Facts, Returned},
    page, template,
    word::{make_plain, plain},
};
use crate::{
    Ending, JobError, Perform, Work, link,
    mailer::{Envelope, LONGEST, Mail, Sent},
};

/// One return in a digest.
#[derive(Serialize)]
pub(super) struct Entry {
    #[serde(skip)]
    return_id: Uuid,
    headline: String,
    /// Of the times in it; IANA name.
    zone: String,
    verdict: String,
    review: String,
}

impl Perform for SendDigest {
    const TIMEOUT: Duration = LONGEST;

    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        let context = work.context.clone();
        let mailer = context.mailer.as_ref().context("this pool has no SMTP_URL")?;
        let message_id = format!("return_digest.{}.{}@{}", work.id(), self.account_id, mailer.domain());
        let sent = delivery::Entity::find().filter(delivery::Column::MessageId.eq(&message_id));
        if sent.count(work.db()).await? > 0 {
            return Ok(work.skip("it was sent already"));
        }
        let Some(account) = account::Entity::find_by_id(self.account_id).one(work.db()).await? else {
            return Ok(work.skip("the recipient is gone"));
        };
        let entries = entries(&work, &account).await?;
        if entries.is_empty() {
            return Ok(work.skip("nothing is left to decide"));
        }

        let Some(turn) = mailer.turn().await else { return Ok(work.snooze(LATER)) };
        let sent = match account.email.parse::<Address>() {
            Err(error) => Sent::Bounced(format!("this is no address: {error}")),
            Ok(address) => {
                let to = Mailbox::new(Some(account.name.clone()), address);
                let (thread, date) = (Vec::new(), work.asked_at());
                let envelope = Envelope { to, message_id: message_id.clone(), thread, date, case: None };
                mailer.send(&envelope, &mail(&account.name, &entries)?).await?
            }
        };
        drop(turn);

        let tx = work.begin().await?;
        let (state, detail) = sent.state();
        let row = delivery::ActiveModel {
            id: Set(Uuid::now_v7()),
            account_id: Set(account.id),
            channel: Set("mail".to_owned()),
            template: Set(Self::KIND.to_owned()),
            subject_id: Set(account.id),
            turn: Set(0),
            message_id: Set(message_id),
            state: Set(state.to_owned()),
            detail: Set(detail),
            job_id: Set(work.id()),
            created_at: Set(work.now()),
        };
        delivery::Entity::insert(row).exec_without_returning(&tx).await?;
        work.done(tx, json!({ "delivery": state, "returns": entries.len() }))
    }
}

/// What still has to be decided of what the digest took, each return once.
async fn entries(work: &Work, account: &account::Model) -> Result<Vec<Entry>, JobError> {
    let mut entries: Vec<Entry> = Vec::new();
    // The latest call about a return says most: that it is overdue rather than that it is there.
    for call in call::take(work, account.id).await?.into_iter().rev() {
        if entries.iter().all(|entry| entry.return_id != call.subject_id)
            && let Some(entry) = entry(work, account, &call).await?
        {
            entries.push(entry);
        }
    }
    entries.reverse();
    Ok(entries)
}

async fn entry(work: &Work, account: &account::Model, call: &decision_call::Model) -> Result<Option<Entry>, JobError> {
    let Ok(news) = call.news.parse() else { return Ok(None) };
    let Some(facts) = Facts::load(&work.context, news, call.subject_id, call.turn).await? else { return Ok(None) };
    let asked = facts.recipients(news).contains(&account.id);
    match &facts {
        Facts::Return(returned) if asked && facts.outdated(news, call.turn, work.now()).is_none() => {
            let review = link::review(&work.context, returned.id, account.id, call.turn, work.now()).await?;
            Ok(Some(told(news, returned, review, work.now())))
        }
        _ => Ok(None),
    }
}

pub(super) fn told(news: News, returned: &Returned, review: String, now: DateTime<Utc>) -> Entry {
    let headline = page::subject(news, returned, now);
    let zone = returned.rental.zone.clone();
    Entry { return_id: returned.id, headline, zone, verdict: page::verdict(returned), review }
}

/// # Errors
/// When the template names what the document lacks.
pub(super) fn mail(name: &str, entries: &[Entry]) -> anyhow::Result<Mail> {
    let returns = if entries.len() == 1 { "1 return waits" } else { &format!("{} returns wait", entries.len()) };
    let urgent = if entries.iter().any(|entry| entry.headline.starts_with("URGENT")) { "URGENT " } else { "" };
    let subject = plain(&format!("{urgent}[Return][DIGEST] {returns} for your decision"));
    let preheader = format!("{returns} for your decision.");
    let mut document =
        json!({ "to": name, "subject": subject, "preheader": preheader, "zone": null, "returns": entries });
    make_plain(&mut document);
    let (html, text) = template::digest(&document)?;
    Ok(Mail { subject, html, text, inline: Vec::new(), attachment: None })
}
