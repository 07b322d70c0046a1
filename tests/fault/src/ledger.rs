//! What the clients did and were told: a file that only grows, on the disk before anything else happens.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Register,
    Book,
    Cancel,
    PickUp,
    /// Asks where the photos go.
    OpenReturn,
    GiveBack,
    Decide,
}

impl Kind {
    /// The kind of job that the platform makes of it.
    #[must_use]
    pub fn job(self) -> &'static str {
        match self {
            Self::Register => "register_account",
            Self::Book => "request_booking",
            Self::Cancel => "cancel_booking",
            Self::PickUp => "pick_up_car",
            Self::OpenReturn => "open_return",
            Self::GiveBack => "return_car",
            Self::Decide => "decide_return",
        }
    }
}

/// What the client knows afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Done, or accepted to be done.
    Ok,
    /// Decided against.
    No,
    /// No answer, or one that says nothing: it may have happened.
    Unknown,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Invoke { kind: Kind, who: Uuid, key: String, front: usize, request: Value },
    Complete { fate: Fate, status: Option<u16>, body: Value },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    op: u64,
    /// Seconds since the load began.
    at: f64,
    #[serde(flatten)]
    event: Event,
}

/// The file.
pub struct Ledger {
    path: PathBuf,
    file: Mutex<File>,
    began: Instant,
    ops: AtomicU64,
    slowest: AtomicU64,
    pub tally: Tally,
}

/// How many attempts ended how, for whoever watches.
#[derive(Default)]
pub struct Tally {
    pub ok: AtomicU64,
    pub no: AtomicU64,
    pub unknown: AtomicU64,
}

impl Ledger {
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: PathBuf) -> Result<Self> {
        let file = OpenOptions::new().create_new(true).append(true).open(&path);
        let file = Mutex::new(file.with_context(|| path.display().to_string())?);
        Ok(Self {
            path,
            file,
            began: Instant::now(),
            ops: AtomicU64::new(0),
            slowest: AtomicU64::new(0),
            tally: Tally::default(),
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Seconds since the load began.
    #[must_use]
    pub fn now(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// How long it is until then, in seconds since the load began.
    #[must_use]
    pub fn left(&self, until: f64) -> Duration {
        Duration::from_secs_f64((until - self.now()).max(0.0))
    }

    /// Writes down that something is about to be asked; gives its number.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn invoke(&self, kind: Kind, who: Uuid, key: &str, front: usize, request: &Value) -> Result<u64> {
        let op = self.ops.fetch_add(1, Ordering::Relaxed);
        let event = Event::Invoke { kind, who, key: key.to_owned(), front, request: request.clone() };
        self.write(&Line { op, at: self.now(), event })?;
        Ok(op)
    }

    /// # Errors
    /// The disk does not take it.
    pub fn complete(&self, op: u64, fate: Fate, status: Option<u16>, body: Value) -> Result<()> {
        let count = match fate {
            Fate::Ok => &self.tally.ok,
            Fate::No => &self.tally.no,
            Fate::Unknown => &self.tally.unknown,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.write(&Line { op, at: self.now(), event: Event::Complete { fate, status, body } })
    }

    fn write(&self, line: &Line) -> Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        tokio::task::block_in_place(|| {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            let began = Instant::now();
            file.write_all(&bytes)?;
            file.sync_data()?;
            let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.slowest.fetch_max(took, Ordering::Relaxed);
            Ok(())
        })
    }

    /// The longest that one line took to reach the disk, in seconds: how slow this machine is at the moment.
    #[must_use]
    pub fn slowest(&self) -> f64 {
        self.slowest.load(Ordering::Relaxed) as f64 / 1e6
    }
}

/// One try at a wish.
#[derive(Clone, Debug)]
pub struct Try {
    pub invoked: f64,
    pub completed: Option<f64>,
    pub front: usize,
    pub fate: Fate,
    pub status: Option<u16>,
    pub body: Value,
}

/// Everything that was asked under one idempotency key by one person.
#[derive(Clone, Debug)]
pub struct Wish {
    pub kind: Kind,
    pub who: Uuid,
    pub key: String,
    pub request: Value,
    pub tries: Vec<Try>,
}

impl Wish {
    /// The first try that ended like this.
    #[must_use]
    pub fn ended(&self, fate: Fate) -> Option<&Try> {
        self.tries.iter().find(|one| one.fate == fate)
    }

    #[must_use]
    pub fn invoked(&self) -> f64 {
        self.tries.iter().map(|one| one.invoked).fold(f64::INFINITY, f64::min)
    }

    /// What its path is about: the id before the last word.
    #[must_use]
    pub fn subject(&self) -> Option<Uuid> {
        self.request["path"].as_str()?.split('/').nth_back(1)?.parse().ok()
    }
}

/// Reads what the clients wrote, by nothing but the file.
///
/// # Errors
/// The file is not what [`Ledger`] writes.
pub fn read(path: &Path) -> Result<Vec<Wish>> {
    let mut wishes: BTreeMap<(Uuid, String), Wish> = BTreeMap::new();
    let mut open = BTreeMap::new();
    for line in BufReader::new(File::open(path)?).lines() {
        let Line { op, at, event } = serde_json::from_str(&line?)?;
        match event {
            Event::Invoke { kind, who, key, front, request } => {
                let new = || Wish { kind, who, key: key.clone(), request, tries: Vec::new() };
                let wish = wishes.entry((who, key.clone())).or_insert_with(new);
                let body = Value::Null;
                wish.tries.push(Try { invoked: at, completed: None, front, fate: Fate::Unknown, status: None, body });
                open.insert(op, ((who, key), wish.tries.len() - 1));
            }
            Event::Complete { fate, status, body } => {
                let (wish, number) = open.get(&op).context("an end without a beginning")?;
                let one = wishes.get_mut(wish).and_then(|wish| wish.tries.get_mut(*number)).context("no such try")?;
                (one.completed, one.fate, one.status, one.body) = (Some(at), fate, status, body);
            }
        }
    }
    Ok(wishes.into_values().collect())
}
