//! Entries with what stands in other tables, a whole page at a time.

use std::collections::HashMap;

use entity::{
    waitlist_entry::{Model, positions},
    waitlist_offer,
};
use rules::waitlist::OfferState;
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter};
use uuid::Uuid;
use view::waitlist::Entry;

/// Their documents, in the same order.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn documents(db: &DatabaseConnection, entries: Vec<Model>) -> Result<Vec<Entry>, DbErr> {
    let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id).collect();
    let live = waitlist_offer::Entity::find()
        .filter(waitlist_offer::Column::EntryId.is_in(ids.clone()))
        .filter(waitlist_offer::Column::State.eq(OfferState::Offered.as_str()));
    let offers = live.all(db).await?.into_iter().map(|offer| (offer.entry_id, offer));
    let mut offers: HashMap<Uuid, waitlist_offer::Model> = offers.collect();
    let positions = positions(db, ids).await?;
    let document = |entry: Model| {
        let (position, offer) = (positions.get(&entry.id).copied(), offers.remove(&entry.id));
        Entry::new(entry, position, offer)
    };
    Ok(entries.into_iter().map(document).collect())
}
