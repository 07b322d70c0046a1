use std::{
    error::Error as _,
    time::{Duration, Instant},
};

use anyhow::Context;
use lettre::{
    address::Envelope,
    transport::smtp::{
        Error,
        authentication::DEFAULT_MECHANISMS,
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{Extension, MailParameter},
    },
};

use super::{
    CONTENT, STEP, Sent,
    server::{Server, Tls},
};

/// One open conversation with the mail server. Dropping it hangs up.
pub(super) struct Line {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// One step of the conversation: an answer in time, a refusal, or an error of the network.
async fn step<T>(name: &str, step: impl Future<Output = Result<T, Error>>) -> anyhow::Result<Result<T, Error>> {
    within(STEP, name, step).await
}

async fn within<T>(
    limit: Duration,
    name: &str,
    step: impl Future<Output = Result<T, Error>>,
) -> anyhow::Result<Result<T, Error>> {
    match tokio::time::timeout(limit, step).await {
        Err(_) => anyhow::bail!("the mail server did not answer to {name} within {limit:?}"),
        Ok(Err(error)) if error.is_permanent() => Ok(Err(error)),
        Ok(answer) => Ok(Ok(answer.with_context(|| format!("{name} to the mail server"))?)),
    }
}

/// A step in which even a refusal for good concerns us and not the recipient:
/// a password that is wrong today must not lose mail.
async fn must<T>(name: &str, answer: impl Future<Output = Result<T, Error>>) -> anyhow::Result<T> {
    step(name, answer).await?.with_context(|| format!("the mail server refused {name}"))
}

/// The bounce that a refusal for good is; an error where it concerns us, as in [`must`].
fn bounced<T>(name: &str, answer: Result<T, Error>) -> anyhow::Result<Option<Sent>> {
    match answer {
        Err(refusal) if concerns_mail(&refusal) => Ok(Some(Sent::Bounced(refusal.to_string()))),
        answer => answer.map(|_| None).with_context(|| format!("the mail server refused {name}")),
    }
}

/// Whether a refusal concerns the recipient or this very mail, by its enhanced code (RFC 3463) where it has one. What
/// remains is a policy of the server or its trouble with us.
fn concerns_mail(refusal: &Error) -> bool {
    let words = refusal.source().map(ToString::to_string).unwrap_or_default();
    match (enhanced(&words), refusal.status().map(u16::from)) {
        // The address of the sender.
        (Some((1, 7 | 8)), _) => false,
        // Address, mailbox, content; and its size.
        (Some((1 | 2 | 6, _) | (3, 4)), _) => true,
        (Some(_), _) => false,
        (None, code) => matches!(code, Some(550..=553)),
    }
}

/// Subject and detail of an enhanced code, such as `5.1.1`.
fn enhanced(words: &str) -> Option<(u16, u16)> {
    let (subject, detail) = words.split_whitespace().next()?.strip_prefix("5.")?.split_once('.')?;
    Some((subject.parse().ok()?, detail.parse().ok()?))
}

impl Line {
    pub(super) async fn open(server: &Server) -> anyhow::Result<Self> {
        let tls = || TlsParameters::new(server.host.clone());
        let wrapped = if server.tls == Tls::Wrapped { Some(tls()?) } else { None };
        let address = (server.host.as_str(), server.port);
        let connect = AsyncSmtpConnection::connect_tokio1(address, Some(STEP), &server.hello, wrapped, None);
        let mut connection = must("the greeting", connect).await?;
        if server.tls == Tls::Required || (server.tls == Tls::Offered && connection.can_starttls()) {
            must("STARTTLS", connection.starttls(tls()?, &server.hello)).await?;
        }
        if let Some(credentials) = &server.credentials {
            must("AUTH", connection.auth(DEFAULT_MECHANISMS, credentials)).await?;
        }
        Ok(Self { connection, since: Instant::now() })
    }

    pub(super) fn rested(&self) -> Duration {
        self.since.elapsed()
    }

    pub(super) async fn is_alive(&mut self) -> bool {
        tokio::time::timeout(STEP, self.connection.test_connected()).await.unwrap_or(false)
    }

    pub(super) async fn send(&mut self, envelope: &Envelope, message: &[u8]) -> anyhow::Result<Sent> {
        let parameters = match self.parameters(envelope) {
            Ok(parameters) => parameters,
            Err(refusal) => return Ok(refusal),
        };
        must("MAIL", self.connection.command(Mail::new(envelope.from().cloned(), parameters))).await?;
        for recipient in envelope.to() {
            let asked = self.connection.command(Rcpt::new(recipient.clone(), vec![]));
            if let Some(bounced) = bounced("RCPT", step("RCPT", asked).await?)? {
                return Ok(bounced);
            }
        }
        if let Some(bounced) = bounced("DATA", step("DATA", self.connection.command(Data)).await?)? {
            return Ok(bounced);
        }
        // Whoever gives up here sends the mail again although the server may have taken it.
        let taken = within(CONTENT, "the message", self.connection.message(message)).await?;
        if let Some(bounced) = bounced("the message", taken)? {
            return Ok(bounced);
        }
        self.since = Instant::now();
        Ok(Sent::Accepted)
    }

    fn parameters(&self, envelope: &Envelope) -> Result<Vec<MailParameter>, Sent> {
        let addresses = envelope.from().into_iter().chain(envelope.to());
        if addresses.map(AsRef::<str>::as_ref).all(str::is_ascii) {
            Ok(vec![])
        } else if self.connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            Ok(vec![MailParameter::SmtpUtfEight])
        } else {
            Err(Sent::Bounced("the mail server takes only ASCII addresses".to_owned()))
        }
    }
}
