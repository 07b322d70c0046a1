//! Sending mail over SMTP: settings, the mail as bytes, and one conversation at a time.

mod letter;
mod line;
mod server;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use lettre::{Address, message::Mailbox};
use line::Line;
use platform::settings::{Reader, Secret};
use server::Server;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use letter::{Attachment, Envelope, Inline, Mail, plain};

/// How long every step of the conversation with the mail server may take.
const STEP: Duration = Duration::from_secs(10);

/// How long the last step may take, in which the server looks at the whole mail: RFC 5321 asks for ten minutes.
const CONTENT: Duration = Duration::from_secs(75);

/// How long the attempt of a mail may take: a connection that rested in vain, greeting, STARTTLS, AUTH, MAIL, RCPT, DATA and the
/// content, and as much again for the turn, the facts and the pictures. One that is cut off in the content may be sent twice.
pub(crate) const LONGEST: Duration = Duration::from_secs(7 * STEP.as_secs() + CONTENT.as_secs() + 55);

/// How long a job waits for its turn to send before it is put off.
const PATIENCE: Duration = Duration::from_secs(1);

/// A connection that rested longer is not used again: servers hang up by themselves.
const REST: Duration = Duration::from_secs(30);

/// How a mail ended that the server gave an answer about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Accepted,
    /// The server will never take it for this recipient; its words.
    Bounced(String),
}

impl Sent {
    /// How a delivery is written down: its state, and what is to be said about it.
    pub(crate) fn state(self) -> (&'static str, Option<String>) {
        let (state, detail) = match self {
            Self::Accepted => ("sent", None),
            // Not the words: they name the address. The delivery has them.
            Self::Bounced(words) => {
                tracing::warn!("a mail bounced");
                ("bounced", Some(words))
            }
        };
        metrics::counter!("mail_total", "outcome" => state).increment(1);
        (state, detail)
    }
}

/// The way to the mail server.
///
/// Connections are kept here rather than in lettre's own pool, because that one
/// waits without limit for replies and takes a connection back in the middle of
/// a conversation that was given up.
pub struct Mailer {
    server: Server,
    from: Mailbox,
    turns: Arc<Semaphore>,
    resting: std::sync::Mutex<Vec<Line>>,
}

impl Mailer {
    /// Reads `SMTP_URL` and `MAIL_FROM`; the caller then calls [`Reader::finish`].
    ///
    /// `concurrency` is that of the pool: a quarter of it stays free of mail, so
    /// that a server that stalls holds up nothing else.
    pub fn read(reader: &mut Reader, concurrency: usize) -> Option<Self> {
        // First whether they are there, then whether they are sound: both are told.
        let _: Secret<String> = reader.required("SMTP_URL");
        let _: String = reader.required("MAIL_FROM");
        let (server, from) = (reader.optional("SMTP_URL"), reader.optional("MAIL_FROM"));
        Some(Self::new(server?, from?, concurrency))
    }

    /// # Errors
    /// When `smtp_url` is no SMTP URL or `from` no mailbox.
    pub fn start(smtp_url: &str, from: &str, concurrency: usize) -> anyhow::Result<Self> {
        let server = smtp_url.parse().context("SMTP_URL")?;
        Ok(Self::new(server, from.parse().context("MAIL_FROM")?, concurrency))
    }

    fn new(server: Server, from: Mailbox, concurrency: usize) -> Self {
        let turns = (concurrency - concurrency.div_ceil(4)).max(1);
        Self { server, from, turns: Arc::new(Semaphore::new(turns)), resting: std::sync::Mutex::default() }
    }

    /// What mails come from.
    pub(crate) fn from(&self) -> &Mailbox {
        &self.from
    }

    /// The domain of `MAIL_FROM`: the right-hand side of every id that mails carry.
    pub(crate) fn domain(&self) -> &str {
        self.from.email.domain()
    }

    /// An address of the same domain, such as `case+<id>`.
    pub(crate) fn address(&self, local: &str) -> Option<Address> {
        Address::new(local, self.domain()).ok()
    }

    /// A turn to send; `None` when all are taken and none becomes free soon.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await.ok()?.ok()
    }

    /// Hands a mail to the server.
    ///
    /// A caller that gives up half way closes the connection, so no reply can be
    /// taken for that to another mail.
    ///
    /// # Errors
    /// When the server is away, stalls, refuses us or says "later": another try may succeed.
    pub(crate) async fn send(&self, envelope: &Envelope, mail: &Mail) -> anyhow::Result<Sent> {
        let message = letter::message(self, envelope, mail)?;
        let mut line = self.line().await?;
        let sent = line.send(message.envelope(), &message.formatted()).await?;
        if sent == Sent::Accepted {
            self.rest(line);
        }
        Ok(sent)
    }

    async fn line(&self) -> anyhow::Result<Line> {
        // Where one is dead the others hardly live, and each that hangs would take a step's time.
        if let Some(mut line) = self.rested()
            && line.is_alive().await
        {
            return Ok(line);
        }
        Line::open(&self.server).await
    }

    fn rested(&self) -> Option<Line> {
        let mut resting = self.resting.lock().expect("nobody panics while holding it");
        resting.retain(|line| line.rested() < REST);
        resting.pop()
    }

    fn rest(&self, line: Line) {
        self.resting.lock().expect("nobody panics while holding it").push(line);
    }
}

#[cfg(test)]
mod tests;
