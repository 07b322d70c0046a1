//! A mail server that delivers nothing: it keeps every mail and shows it.

mod mail;
mod page;
mod smtp;
mod store;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio::{runtime::Handle, sync::watch, task::JoinHandle};

pub use self::mail::{Attachment, Mail};
use self::store::Store;
use crate::{bucket::into_tokio, data_dir::DataDir, port::Ports, postgres::Durability};

/// The running mail server. Mails are kept as `.eml` files in the data folder.
pub struct Inbox {
    smtp_url: String,
    page_url: String,
    store: Arc<Store>,
    servers: [JoinHandle<()>; 2],
}

impl Inbox {
    pub(crate) fn start(
        data_dir: &DataDir,
        durability: Durability,
        page_port: Option<u16>,
        runtime: &Handle,
    ) -> Result<Self> {
        let store = Arc::new(Store::open(data_dir.folder("mail")?, durability)?);
        let mut ports = Ports::of(data_dir)?;
        let smtp = ports.listener("smtp", None)?;
        let page = ports.listener("mail", page_port)?;
        Ok(Self {
            smtp_url: format!("smtp://{}", smtp.local_addr()?),
            page_url: format!("http://localhost:{}/dev/mail", page.local_addr()?.port()),
            servers: [
                runtime.spawn(smtp::serve(into_tokio(smtp, runtime)?, store.clone())),
                runtime.spawn(page::serve(into_tokio(page, runtime)?, store.clone())),
            ],
            store,
        })
    }

    /// Where mails are sent to.
    #[must_use]
    pub fn smtp_url(&self) -> &str {
        &self.smtp_url
    }

    /// Where they can be looked at.
    #[must_use]
    pub fn page_url(&self) -> &str {
        &self.page_url
    }

    /// Every mail ever received, in the order of arrival.
    #[must_use]
    pub fn mails(&self) -> Vec<Arc<Mail>> {
        self.store.mails()
    }

    /// The bytes of a mail as they came, below the lines that say who sent and
    /// who received it.
    ///
    /// # Errors
    /// There is no such mail.
    pub fn raw(&self, mail: &Mail) -> Result<Vec<u8>> {
        self.store.raw(&mail.id)
    }

    /// The content of the attachment at this place in [`Mail::attachments`].
    ///
    /// # Errors
    /// There is no such mail or attachment.
    pub fn attachment(&self, mail: &Mail, index: usize) -> Result<Vec<u8>> {
        mail::attachment(&self.raw(mail)?, index).context("no such attachment")
    }

    /// Changes with every arrival; the value is the number of mails so far.
    #[must_use]
    pub fn arrivals(&self) -> watch::Receiver<usize> {
        self.store.arrivals()
    }

    /// Waits for a mail for which `wanted` holds; one that is already here counts.
    ///
    /// # Errors
    /// None came in time; the message lists what did.
    pub async fn wait_for(&self, patience: Duration, wanted: impl Fn(&Mail) -> bool) -> Result<Arc<Mail>> {
        let mut arrivals = self.arrivals();
        let found = tokio::time::timeout(patience, async {
            loop {
                arrivals.mark_unchanged();
                if let Some(mail) = self.mails().into_iter().find(|mail| wanted(mail)) {
                    return Some(mail);
                }
                arrivals.changed().await.ok()?;
            }
        });
        found.await.ok().flatten().with_context(|| {
            let mails = self.mails();
            let here: Vec<_> = mails.iter().map(|mail| (&mail.to, &mail.subject)).collect();
            format!("no such mail within {patience:?}; there are {here:?}")
        })
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}
