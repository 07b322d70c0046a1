//! How times, money and marks read in a mail.

use std::fmt;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rules::{damage::Class, money::Money};
use serde::{Serialize, Serializer};
use serde_json::Value;

pub(crate) use crate::mailer::plain;

/// A moment on the wall clock of the branch, with the name of its zone: `Mon 4 May 2026, 14:00 CEST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct When {
    pub(crate) at: DateTime<Utc>,
    pub(crate) zone: Tz,
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rules::waitlist::moment(self.at, self.zone))
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Money in words: `123.45 EUR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sum(pub(crate) Money);

impl Sum {
    /// For lines that are left out where there is nothing to say.
    pub(crate) fn unless_zero(money: Money) -> Option<Self> {
        (money.amount != 0).then_some(Self(money))
    }
}

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// So many marks of a class: `1 scratch`, `2 broken lamps`.
pub(crate) fn marks(count: usize, class: &str) -> String {
    let (one, many) = class.parse().unwrap_or(Class::Other).names();
    format!("{count} {}", if count == 1 { one } else { many })
}

/// One mark of a class, without its number.
pub(crate) fn mark(class: &str) -> String {
    class.parse().unwrap_or(Class::Other).name().to_owned()
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [some @ .., last] => format!("{} and {last}", some.join(", ")),
    }
}

pub(crate) fn capital(words: &str) -> String {
    let mut rest = words.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// The lines of a note that a person wrote; the only text whose lines count.
pub(crate) fn lines(note: &str) -> Vec<String> {
    note.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Makes every text in a document [`plain`].
pub(crate) fn make_plain(document: &mut Value) {
    match document {
        Value::String(words) => *words = plain(words),
        Value::Array(items) => items.iter_mut().for_each(make_plain),
        Value::Object(fields) => fields.values_mut().for_each(make_plain),
        _ => {}
    }
}
