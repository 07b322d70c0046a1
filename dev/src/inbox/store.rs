use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result, ensure};
use tokio::sync::watch;
use uuid::Uuid;

use super::mail::Mail;
use crate::postgres::Durability;

/// Who a mail is from and for, as the client said, whatever its headers say.
#[derive(Default)]
pub(super) struct Envelope {
    pub(super) from: String,
    pub(super) to: Vec<String>,
}

/// The mails, one file each. Their names sort by arrival.
pub(super) struct Store {
    folder: PathBuf,
    durability: Durability,
    mails: Mutex<Vec<Arc<Mail>>>,
    count: watch::Sender<usize>,
}

impl Store {
    pub(super) fn open(folder: PathBuf, durability: Durability) -> Result<Self> {
        let mut mails = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "eml") {
                let id = path.file_stem().unwrap_or_default().to_string_lossy();
                mails.push(Arc::new(Mail::parse(&id, &fs::read(&path)?)));
            }
        }
        mails.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Self { folder, durability, count: watch::Sender::new(mails.len()), mails: Mutex::new(mails) })
    }

    /// Keeps a mail. When this returns, it is on the disk.
    pub(super) fn keep(&self, envelope: &Envelope, content: &[u8]) -> Result<()> {
        let id = Uuid::now_v7().to_string();
        let mut whole = trace(envelope).into_bytes();
        whole.extend_from_slice(content);

        let part = self.folder.join(format!("{id}.part"));
        let mut file = File::create(&part)?;
        file.write_all(&whole)?;
        if self.durability == Durability::Full {
            file.sync_all()?;
        }
        fs::rename(&part, self.folder.join(format!("{id}.eml")))?;
        if self.durability == Durability::Full {
            File::open(&self.folder)?.sync_all()?;
        }

        let mail = Arc::new(Mail::parse(&id, &whole));
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        let place = mails.partition_point(|other| other.id < mail.id);
        mails.insert(place, mail);
        self.count.send_replace(mails.len());
        Ok(())
    }

    pub(super) fn mails(&self) -> Vec<Arc<Mail>> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Mail>> {
        self.mails().into_iter().find(|mail| mail.id == id)
    }

    pub(super) fn raw(&self, id: &str) -> Result<Vec<u8>> {
        ensure!(self.find(id).is_some(), "no such mail");
        let path = self.folder.join(format!("{id}.eml"));
        fs::read(&path).with_context(|| path.display().to_string())
    }

    pub(super) fn arrivals(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }
}

/// The lines that a mail server puts on top of what it delivers. They keep the
/// envelope, blind copies included.
fn trace(envelope: &Envelope) -> String {
    let to = envelope.to.iter();
    let to: String = to.map(|to| format!("Delivered-To: {to}\r\n")).collect();
    format!("Return-Path: <{}>\r\n{to}", envelope.from)
}
