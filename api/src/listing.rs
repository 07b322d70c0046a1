//! Lists: `{"items": […], "nextCursor": …}` by keyset, stable while rows are added.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike, Utc};
use jobs::outcome::Reason;
use poem_openapi::{
    Object,
    types::{ParseFromJSON, ToJSON},
};
use sea_orm::{
    Value,
    sea_query::{Expr, SimpleExpr},
};
use uuid::Uuid;

use crate::error::ApiError;

/// One page of a list.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct Page<T: ParseFromJSON + ToJSON + Send + Sync> {
    pub items: Vec<T>,
    /// Send it as `cursor` to get the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Where a page begins: just after this row, by what rows are sorted by. It is opaque to clients but no secret:
/// what may be seen is decided by each query, whatever the cursor says. As text it names its list, order included, because in
/// another one it would be the place of nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor<K = DateTime<Utc>> {
    pub at: K,
    pub id: Uuid,
}

/// What rows are sorted by, as a number.
pub trait SortKey: Sized {
    fn number(&self) -> i64;
    fn of(number: i64) -> Option<Self>;
}

/// By microseconds, which is how PostgreSQL keeps times.
impl SortKey for DateTime<Utc> {
    fn number(&self) -> i64 {
        self.timestamp_micros()
    }

    fn of(number: i64) -> Option<Self> {
        // PostgreSQL knows fewer years than chrono, and no list begins or ends beyond these.
        Self::from_timestamp_micros(number).filter(|at| (0..=9999).contains(&at.year()))
    }
}

impl SortKey for i64 {
    fn number(&self) -> i64 {
        *self
    }

    fn of(number: i64) -> Option<Self> {
        Some(number)
    }
}

/// Rows on a page unless the client says otherwise.
const USUAL: u64 = 20;

impl<K: SortKey> Cursor<K> {
    fn encode(&self, list: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(format!("{list}/{}/{}", self.at.number(), self.id))
    }

    fn decode(list: &str, text: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (at, id) = text.strip_prefix(list)?.strip_prefix('/')?.split_once('/')?;
        Some(Self { at: K::of(at.parse().ok()?)?, id: id.parse().ok()? })
    }

    /// The position that a client sent.
    ///
    /// # Errors
    /// When it is not one that was given out with this list.
    pub fn read(list: &str, text: Option<&str>) -> Result<Option<Self>, ApiError> {
        let Some(text) = text else { return Ok(None) };
        let message = "is not a cursor from an earlier page of this list in this order".to_owned();
        let wrong = || ApiError::invalid(vec![Reason { pointer: "/cursor".to_owned(), message }]);
        Self::decode(list, text).map(Some).ok_or_else(wrong)
    }
}

/// Of rows that come newest first, those behind the place that a client sent.
///
/// # Errors
/// As [`Cursor::read`].
pub fn older(list: &str, cursor: Option<&str>) -> Result<Option<SimpleExpr>, ApiError> {
    let behind =
        |last: Cursor| Expr::cust_with_values("(created_at, id) < ($1, $2)", [Value::from(last.at), last.id.into()]);
    Ok(Cursor::read(list, cursor)?.map(behind))
}

/// How many rows a page holds: what was asked for, which each list takes from 1 to 100.
pub fn limit(asked: Option<u64>) -> u64 {
    asked.unwrap_or(USUAL)
}

impl<T: ParseFromJSON + ToJSON + Send + Sync> Page<T> {
    /// Makes a page of rows that were queried with one more than `limit`.
    pub fn cut<M, K: SortKey>(
        list: &str,
        mut rows: Vec<M>,
        limit: u64,
        cursor: impl Fn(&M) -> Cursor<K>,
        show: impl Fn(M) -> T,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|last| cursor(last).encode(list));
        Self { items: rows.into_iter().map(show).collect(), next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nonsense_is_refused() {
        let cursor = Cursor { at: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(), id: Uuid::now_v7() };
        let text = cursor.encode("cars");
        assert_eq!(<Cursor>::read("cars", Some(&text)).unwrap(), Some(cursor.clone()));
        let (other, order) = (cursor.encode("bookings"), cursor.encode("cars price"));
        let forged = BASE64_URL_SAFE_NO_PAD.encode(format!("cars/{}/{}", 8_000_000_000_000_000_000_i64, cursor.id));
        for nonsense in ["", "x", "AAAA", "🚗", &"9".repeat(500), &other, &order, &forged] {
            let refused = <Cursor>::read("cars", Some(nonsense)).unwrap_err();
            assert_eq!(refused.errors[0].pointer, "/cursor", "{nonsense}");
        }
    }
}
