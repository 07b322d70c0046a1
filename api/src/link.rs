//! Who opens a page from a customer's mail: the token, judged against how things stand now.

use chrono::{DateTime, Utc};
use entity::{account, link};
use platform::link::{LinkKey, hash};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait, QueryFilter, Statement,
};
use uuid::Uuid;

use crate::{error::ApiError, form::Form, front::Front};

/// A link that leads somewhere, as yet or no longer.
pub(crate) struct Opened {
    pub(crate) subject_id: Uuid,
    /// Whom the mail was sent to; what the page does is done in this name.
    pub(crate) reader: account::Model,
    pub(crate) expires_at: DateTime<Utc>,
    /// The database's clock when it was opened.
    pub(crate) now: DateTime<Utc>,
    hash: Vec<u8>,
}

/// Looks a token up. Changes nothing: mail scanners open every link.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn find(db: &DatabaseConnection, token: &str, scope: &str) -> Result<Option<Opened>, DbErr> {
    let by_hash = link::Entity::find_by_id(hash(token).to_vec()).filter(link::Column::Scope.eq(scope));
    let Some(link) = by_hash.one(db).await? else { return Ok(None) };
    let reader = account::Entity::find_by_id(link.account_id).one(db).await?;
    let Some(reader) = reader else { return Ok(None) };
    let (subject_id, expires_at, now) = (link.subject_id, link.expires_at, now(db).await?);
    Ok(Some(Opened { subject_id, reader, expires_at, now, hash: link.hash }))
}

/// The database's clock, which alone tells what is over.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn now(db: &DatabaseConnection) -> Result<DateTime<Utc>, DbErr> {
    let clock = Statement::from_string(DbBackend::Postgres, "select clock_timestamp()");
    let row = db.query_one_raw(clock).await?.ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?;
    row.try_get_by_index(0)
}

impl Opened {
    /// What a form of this page must carry: it is worth nothing on the page of another link.
    pub(crate) fn csrf(&self, front: &Front) -> String {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.hash[..16]);
        key(front).token("csrf-link", Uuid::from_bytes(bytes), self.reader.id, 0)
    }

    /// Reads a form of this page; `None` when it did not come from here.
    ///
    /// # Errors
    /// As [`Form::read`].
    pub(crate) async fn filled(&self, front: &Front, body: poem::Body) -> Result<Option<Form>, ApiError> {
        Ok(self.own(front, Form::read(body).await?))
    }

    /// A form that came from this page; `None` for any other.
    pub(crate) fn own(&self, front: &Front, form: Form) -> Option<Form> {
        // Compared by their hashes, so that the time it takes tells nothing.
        let ours = hash(&self.csrf(front)) == hash(form.text("csrf"));
        ours.then_some(form)
    }
}

pub(crate) fn key(front: &Front) -> LinkKey {
    LinkKey::new(&front.settings.shared.link_token_key)
}
