//! Who opens the page: the token from the mail, judged against how things stand now.

use chrono::{DateTime, Utc};
use entity::{account, booking, link, rental_return};
use platform::link::{LinkKey, REVIEW, hash};
use rules::rental::ReturnState;
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter};
use uuid::Uuid;
use view::rental::Report;

/// A link that leads somewhere.
pub(super) struct Opened {
    pub(super) rental_return: rental_return::Model,
    /// Whom the mail was sent to; decisions are made in this name.
    pub(super) reader: account::Model,
    /// The database's clock when it was opened.
    pub(super) now: DateTime<Utc>,
    hash: Vec<u8>,
}

/// What a token is good for.
pub(super) enum Link {
    Live(Box<Opened>),
    /// The return was decided; everybody's link says so.
    Decided(Box<rental_return::Model>),
    /// It was good once.
    Dead(&'static str),
    Unknown,
}

/// Looks a token up. Changes nothing: mail scanners open every link.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn find(db: &DatabaseConnection, token: &str) -> Result<Link, DbErr> {
    let by_hash = link::Entity::find_by_id(hash(token).to_vec()).filter(link::Column::Scope.eq(REVIEW));
    let Some(link) = by_hash.one(db).await? else { return Ok(Link::Unknown) };
    let reader = account::Entity::find_by_id(link.account_id).one(db).await?;
    let Some(rental_return) = rental_return::Entity::find_by_id(link.subject_id).one(db).await? else {
        return Ok(Link::Unknown);
    };
    let Some(booking) = booking::Entity::find_by_id(rental_return.booking_id).one(db).await? else {
        return Ok(Link::Unknown);
    };
    let may = |reader: &account::Model| {
        !reader.is_suspended() && reader.role.0.decides(reader.branch_id == Some(booking.branch_id))
    };
    let Some(reader) = reader.filter(may) else {
        return Ok(Link::Dead("The account that this mail was sent to may not decide returns any more."));
    };
    if rental_return.state.0 == ReturnState::Decided {
        return Ok(Link::Decided(Box::new(rental_return)));
    }
    if link.used_at.is_some() {
        return Ok(Link::Dead(used(&rental_return)));
    }
    let now = crate::link::now(db).await?;
    if link.expires_at <= now {
        return Ok(Link::Dead(
            "Links in mails are good for three days. The return is still to be decided: log in, or ask for a new mail.",
        ));
    }
    Ok(Link::Live(Box::new(Opened { rental_return, reader, now, hash: link.hash })))
}

fn used(rental_return: &rental_return::Model) -> &'static str {
    match rental_return.state.0 {
        ReturnState::AwaitingPhotos => {
            "Better photos have been asked for. When they are there, a new mail brings a new link."
        }
        _ => "This link was used already. A newer mail about the same return has a newer link.",
    }
}

impl Opened {
    /// What the report proposes; nothing while there is none.
    ///
    /// # Errors
    /// When the row holds what is none.
    pub(super) fn report(&self) -> Result<Report, DbErr> {
        Ok(Report::of(&self.rental_return)?.unwrap_or_default())
    }

    /// What a form of this page must carry: it is worth nothing on the page of another link.
    pub(super) fn csrf(&self, key: &LinkKey) -> String {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.hash[..16]);
        key.token("csrf-review", Uuid::from_bytes(bytes), self.reader.id, 0)
    }

    /// Compared by their hashes, so that the time it takes tells nothing.
    pub(super) fn is_csrf(&self, key: &LinkKey, given: &str) -> bool {
        hash(&self.csrf(key)) == hash(given)
    }
}
