use std::{slice::Iter, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use smtp_proto::{
    Error, Request,
    request::receiver::{DataReceiver, RequestReceiver},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::store::{Envelope, Store};

/// The largest mail taken, in bytes: far above any report with its pictures.
const LARGEST: usize = 50 * 1024 * 1024;
/// RFC 5321 4.5.3.2.7: a server waits five minutes for the next command.
const IDLE: Duration = Duration::from_secs(300);

pub(super) async fn serve(listener: TcpListener, store: Arc<Store>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let session = Session::new(stream, store.clone());
        tokio::spawn(async move {
            if let Err(error) = session.run().await {
                tracing::debug!(%error, "an SMTP connection ended early");
            }
        });
    }
}

struct Session {
    stream: TcpStream,
    store: Arc<Store>,
    sender: Option<String>,
    envelope: Envelope,
}

/// What comes next on the connection.
enum Next {
    Command,
    Content,
    Nothing,
}

impl Session {
    fn new(stream: TcpStream, store: Arc<Store>) -> Self {
        Self { stream, store, sender: None, envelope: Envelope::default() }
    }

    async fn run(mut self) -> Result<()> {
        self.reply("220 localhost Forecourt development inbox").await?;
        let mut commands = RequestReceiver::default();
        let mut content: Option<(DataReceiver, Vec<u8>)> = None;
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = timeout(IDLE, self.stream.read(&mut buffer)).await??;
            if length == 0 {
                return Ok(());
            }
            let mut bytes = buffer[..length].iter();
            while !bytes.as_slice().is_empty() {
                if let Some((receiver, so_far)) = &mut content {
                    if !receive(receiver, &mut bytes, so_far)? {
                        break;
                    }
                    let whole = content.take().map(|(_, whole)| whole).unwrap_or_default();
                    self.keep(whole).await?;
                    continue;
                }
                match self.command(&mut commands, &mut bytes).await? {
                    Next::Command => {}
                    Next::Content => content = Some((content_receiver(), Vec::new())),
                    Next::Nothing => return Ok(()),
                }
            }
        }
    }

    async fn command(&mut self, commands: &mut RequestReceiver, bytes: &mut Iter<'_, u8>) -> Result<Next> {
        let request = commands.ingest(bytes).map(Request::into_owned);
        match request {
            Ok(request) => self.obey(request).await,
            Err(Error::NeedsMoreData { .. }) => Ok(Next::Command),
            Err(Error::UnknownCommand) => self.reply("500 5.5.1 unknown command").await,
            Err(Error::ResponseTooLong) => {
                self.reply("500 5.5.2 line too long").await?;
                Ok(Next::Nothing)
            }
            Err(error) => self.reply(&format!("501 5.5.4 {error:?}")).await,
        }
    }

    async fn obey(&mut self, request: Request<String>) -> Result<Next> {
        match request {
            Request::Ehlo { .. } => self.greet().await,
            Request::Helo { .. } => self.reply("250 localhost").await,
            Request::Mail { from } if from.size > LARGEST => self.reply("552 5.3.4 the mail is too large").await,
            Request::Mail { from } => {
                self.forget();
                self.sender = Some(from.address);
                self.reply("250 2.1.0 ok").await
            }
            Request::Rcpt { .. } if self.sender.is_none() => self.reply("503 5.5.1 MAIL comes first").await,
            Request::Rcpt { to } => {
                self.envelope.to.push(to.address);
                self.reply("250 2.1.5 ok").await
            }
            Request::Data if self.envelope.to.is_empty() => self.reply("503 5.5.1 RCPT comes first").await,
            Request::Data => {
                self.reply("354 end with a line that is one dot").await?;
                Ok(Next::Content)
            }
            Request::Rset => {
                self.forget();
                self.reply("250 2.0.0 ok").await
            }
            Request::Noop { .. } => self.reply("250 2.0.0 ok").await,
            Request::Quit => {
                self.reply("221 2.0.0 bye").await?;
                Ok(Next::Nothing)
            }
            _ => self.reply("502 5.5.1 not offered here").await,
        }
    }

    async fn greet(&mut self) -> Result<Next> {
        let offers = ["localhost", "8BITMIME", "SMTPUTF8", "PIPELINING"];
        let offers: String = offers.map(|offer| format!("250-{offer}\r\n")).concat();
        self.reply(&format!("{offers}250 SIZE {LARGEST}")).await
    }

    /// Says yes only once the mail is on the disk: from then on it is ours.
    async fn keep(&mut self, content: Vec<u8>) -> Result<()> {
        let store = self.store.clone();
        let mut envelope = std::mem::take(&mut self.envelope);
        envelope.from = self.sender.take().unwrap_or_default();
        let kept = tokio::task::spawn_blocking(move || store.keep(&envelope, &content));
        let answer = match kept.await? {
            Ok(()) => "250 2.0.0 kept".to_owned(),
            Err(error) => format!("451 4.3.0 cannot be kept: {error}"),
        };
        self.reply(&answer).await?;
        Ok(())
    }

    fn forget(&mut self) {
        self.sender = None;
        self.envelope = Envelope::default();
    }

    async fn reply(&mut self, line: &str) -> Result<Next> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        Ok(Next::Command)
    }
}

/// A receiver that takes a dot at the very start for the start of a line, which
/// smtp-proto 0.2 does only after it has seen a line end.
fn content_receiver() -> DataReceiver {
    let mut receiver = DataReceiver::new();
    receiver.ingest(&mut b"\r\n".iter(), &mut Vec::new());
    receiver
}

fn receive(receiver: &mut DataReceiver, bytes: &mut Iter<'_, u8>, so_far: &mut Vec<u8>) -> Result<bool> {
    let whole = receiver.ingest(bytes, so_far);
    if so_far.len() > LARGEST {
        bail!("a mail over {LARGEST} bytes");
    }
    Ok(whole)
}
