use std::time::Duration;

use anyhow::Context as _;
use entity::{account, delivery};
use jobs::{
    fault,
    notify::{Announce, News, SendMail},
};
use lettre::{Address, message::Mailbox};
use rules::damage::CaseEvent;
use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::json;
use uuid::Uuid;

use super::{
    album, call,
    facts::Facts,
    flood, queue,
    render::{self, Recipient},
    side::Pictures,
    thread,
};
use crate::{
    Ending, JobError, Mailer, Perform, Work,
    damage::case::{self, Step},
    link,
    mailer::{Envelope, LONGEST, Mail, Sent},
};

/// Before the turn to send comes again, when the mail server is slow.
pub(super) const LATER: Duration = Duration::from_secs(5);

/// After so many tries the mail goes without the pictures that cannot be had:
/// a bucket that is away must not keep the news back.
const PATIENT_TRIES: i32 = 4;

impl Perform for SendMail {
    const TIMEOUT: Duration = LONGEST;

    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let context = work.context.clone();
        let mailer = context.mailer.as_ref().context("this pool has no SMTP_URL")?;
        let (account, facts) = match look(&self, &work, mailer).await? {
            Ok(looked) => looked,
            Err(reason) => return Ok(work.skip(reason)),
        };

        if self.news.asks_for_decision() && !call::is_alone(&work, &self).await? {
            return Ok(work.skip("it is told in a digest"));
        }
        if flood::waits(&work, &self).await? {
            return Ok(work.snooze(flood::PAUSE));
        }
        let Some(turn) = mailer.turn().await else {
            return Ok(work.snooze(LATER));
        };
        let sent = send(&self, &work, mailer, &account, &facts).await?;
        drop(turn);
        fault::crash_point("after_mail_before_record");

        let tx = work.begin().await?;
        if self.news == News::DamageConfirmed {
            match sent {
                Sent::Accepted => begin_window(&self, &tx, &mut work).await?,
                Sent::Bounced(_) => work.then(&untold(&self)),
            }
        }
        let state = record(&self, &tx, &work, mailer, sent).await?;
        work.done(tx, json!({ "delivery": state }))
    }
}

/// Who is told what; or why nobody is told anything any more.
async fn look(
    asked: &SendMail,
    work: &Work,
    mailer: &Mailer,
) -> anyhow::Result<Result<(account::Model, Facts), &'static str>> {
    let message_id = thread::message_id(asked, mailer.domain());
    let sent = delivery::Entity::find().filter(delivery::Column::MessageId.eq(message_id));
    if sent.count(work.db()).await? > 0 {
        return Ok(Err("it was sent already"));
    }
    let Some(account) = account::Entity::find_by_id(asked.account_id).one(work.db()).await? else {
        return Ok(Err("the recipient is gone"));
    };
    let Some(facts) = Facts::load(&work.context, asked.news, asked.subject_id, asked.turn).await? else {
        return Ok(Err("the subject is gone"));
    };
    if asked.news.is_for_staff() && !facts.recipients(asked.news).contains(&account.id) {
        return Ok(Err("the recipient is not asked any more"));
    }
    Ok(match facts.outdated(asked.news, asked.turn, work.now()) {
        Some(reason) => Err(reason),
        None => Ok((account, facts)),
    })
}

/// Talks to the mail server, with no transaction open.
async fn send(
    asked: &SendMail,
    work: &Work,
    mailer: &Mailer,
    account: &account::Model,
    facts: &Facts,
) -> anyhow::Result<Sent> {
    let address = match account.email.parse::<Address>() {
        Ok(address) => address,
        Err(error) => return Ok(Sent::Bounced(format!("this is no address: {error}"))),
    };
    let envelope = Envelope {
        to: Mailbox::new(Some(account.name.clone()), address),
        message_id: thread::message_id(asked, mailer.domain()),
        thread: thread::before(asked, facts, mailer.domain()),
        date: work.asked_at(),
        case: case_of(asked.news, facts),
    };
    mailer.send(&envelope, &mail(asked, work, mailer, account, facts).await?).await
}

async fn mail(
    asked: &SendMail,
    work: &Work,
    mailer: &Mailer,
    account: &account::Model,
    facts: &Facts,
) -> anyhow::Result<Mail> {
    let review = match asked.news.asks_for_decision() {
        true => Some(link::review(&work.context, asked.subject_id, account.id, asked.turn, work.now()).await?),
        false => None,
    };
    let case = case_link(asked, work, facts).await?;
    let (offer, entry) = queue::links(&work.context, facts, work.now()).await?;
    let pictures = match facts {
        Facts::Return(returned) => {
            album::pictures(&work.context, asked.news, returned, work.attempt() < PATIENT_TRIES).await?
        }
        _ => Pictures::new(),
    };
    let recipient = Recipient {
        id: account.id,
        name: account.name.clone(),
        now: work.now(),
        stamp: work.asked_at(),
        house: mailer.from().email.to_string(),
        domain: mailer.domain().to_owned(),
        review,
        offer,
        entry,
        case,
        pictures,
    };
    render::mail(asked.news, facts, &recipient)
}

/// Where this recipient answers the damage: the customer as long as they may, staff as long as any link of theirs.
async fn case_link(asked: &SendMail, work: &Work, facts: &Facts) -> Result<Option<String>, DbErr> {
    let Facts::Return(returned) = facts else { return Ok(None) };
    let Some(case) = returned.case.as_ref().filter(|_| about_case(asked.news)) else { return Ok(None) };
    let until = if asked.news.is_for_staff() { work.now() + link::LIFE } else { case.answer_by(work.now()) };
    link::damage(&work.context, case.id, asked.account_id, until, work.now()).await.map(Some)
}

/// What a reply belongs to: the damage case, or the return while there is none.
fn case_of(news: News, facts: &Facts) -> Option<Uuid> {
    let Facts::Return(returned) = facts else { return None };
    let damage = returned.case.as_ref().filter(|_| about_case(news));
    Some(damage.map_or(returned.id, |case| case.id))
}

fn about_case(news: News) -> bool {
    matches!(news, News::DamageConfirmed | News::DamageDisputed | News::DamageSettled)
}

/// No clock runs for the customer until a person has told them in another way.
fn untold(asked: &SendMail) -> Announce {
    Announce { news: News::DamageUntold, subject_id: asked.subject_id, turn: asked.turn }
}

/// The mail server has taken the mail that tells of a damage, so the time to answer it begins.
async fn begin_window(asked: &SendMail, tx: &DatabaseTransaction, work: &mut Work) -> Result<(), DbErr> {
    let Some(case) = case::of_return(tx, asked.subject_id).await? else { return Ok(()) };
    let step = Step { event: CaseEvent::CustomerTold, actor: None, reason: Some("by mail"), via_link: false };
    let now = work.now();
    case::told(tx, work, case, step, now).await.map(drop)
}

async fn record(
    asked: &SendMail,
    tx: &DatabaseTransaction,
    work: &Work,
    mailer: &Mailer,
    sent: Sent,
) -> Result<&'static str, DbErr> {
    let (state, detail) = sent.state();
    let row = delivery::ActiveModel {
        id: Set(Uuid::now_v7()),
        account_id: Set(asked.account_id),
        channel: Set("mail".to_owned()),
        template: Set(asked.news.as_str().to_owned()),
        subject_id: Set(asked.subject_id),
        turn: Set(asked.turn),
        message_id: Set(thread::message_id(asked, mailer.domain())),
        state: Set(state.to_owned()),
        detail: Set(detail),
        job_id: Set(work.id()),
        created_at: Set(work.now()),
    };
    delivery::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(state)
}
