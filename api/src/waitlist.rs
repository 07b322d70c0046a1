//! Waiting for time that is taken: joining, looking at one's place, leaving, joining again.

mod body;
mod explain;
mod found;
mod page;
mod staff;

use std::sync::Arc;

use entity::waitlist_entry::{Column, Entity, Model};
use jobs::waitlist::{LeaveWaitlist, RejoinWaitlist};
use poem::web::Data;
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rules::waitlist::EntryState;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;
use uuid::Uuid;
use view::{Word, waitlist::Entry};

pub(crate) use self::body::NewEntry;
pub use self::staff::StaffWaitlistApi;
pub(crate) use self::{found::documents, page::routes};
use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    auth::{Caller, WaitlistRead, WaitlistWrite},
    error::ApiError,
    front::Front,
    listing::{Cursor, Page, limit, older},
    shape::Shaped,
};

/// What a cursor of its list is one of.
const LIST: &str = "waitlist";

/// The entry, if it belongs to the caller or the caller is staff. Somebody else's is not there at all.
pub(crate) async fn own<S>(front: &Front, caller: &Caller<S>, id: Uuid) -> Result<Model, ApiError> {
    let own =
        Condition::all().add(Column::Id.eq(id)).add_option(caller.owner().map(|owner| Column::CustomerId.eq(owner)));
    Entity::find().filter(own).one(&front.db).await?.ok_or_else(ApiError::not_found)
}

pub struct WaitlistApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Waitlist")]
impl WaitlistApi {
    /// Join the waitlist
    ///
    /// For one car (`carId`) or for a class at a branch (`category` and `branchId`), for dates (`from` and `to`) or
    /// as soon as possible (`asap`). `409 bookable_now` comes with what can be booked instead of waiting; `409 car_not_in_service`
    /// when the car has left the fleet.
    #[oai(path = "/waitlist", method = "post", operation_id = "joinWaitlist")]
    async fn join(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<WaitlistWrite>,
        asking: Asking,
        Shaped(body): Shaped<NewEntry>,
    ) -> Result<Written<Entry>, ApiError> {
        let join = body.job(caller.account_id)?;
        let same = json!({ "target": join.target, "wish": join.wish, "priceCap": join.price_cap });
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &join, &same)?;
        front.write(&asking, job).await?.created(&asking, "/api/v1/waitlist")
    }

    /// List places in the queue
    ///
    /// One's own, newest first; staff see everybody's.
    #[oai(path = "/waitlist", method = "get", operation_id = "listWaitlist")]
    async fn list(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<WaitlistRead>,
        state: Query<Option<Word<EntryState>>>,
        #[oai(name = "limit", validator(minimum(value = "1"), maximum(value = "100")))] asked: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Entry>>, ApiError> {
        let limit = limit(asked.0);
        let after = older(LIST, cursor.0.as_deref())?;
        let wanted = Condition::all()
            .add_option(caller.owner().map(|owner| Column::CustomerId.eq(owner)))
            .add_option(state.0.map(|state| Column::State.eq(state.0.as_str())))
            .add_option(after);
        let query = Entity::find().filter(wanted).order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
        let rows = query.limit(limit + 1).all(&front.db).await?;
        let entries = documents(&front.db, rows).await?;
        Ok(Json(Page::cut(LIST, entries, limit, |entry| Cursor { at: entry.created_at, id: entry.id }, |entry| entry)))
    }

    /// Show a place in the queue
    ///
    /// `position` counts people ahead who could take the same: some car could serve both of you, and your times
    /// overlap.
    #[oai(path = "/waitlist/:id", method = "get", operation_id = "showWaitlistEntry")]
    async fn show(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<WaitlistRead>,
        id: Path<Uuid>,
    ) -> Result<Json<Entry>, ApiError> {
        let entry = own(&front, &caller, id.0).await?;
        documents(&front.db, vec![entry]).await?.pop().map(Json).ok_or_else(ApiError::not_found)
    }

    /// Leave the waitlist
    ///
    /// A live offer goes to the next person at once.
    #[oai(path = "/waitlist/:id", method = "delete", operation_id = "leaveWaitlist")]
    async fn leave(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<WaitlistWrite>,
        asking: Asking,
        id: Path<Uuid>,
    ) -> Result<Written<Entry>, ApiError> {
        let entry = own(&front, &caller, id.0).await?;
        let leave = LeaveWaitlist { entry_id: entry.id, left_by: caller.account_id };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &leave, &json!(leave))?;
        front.write(&asking, job).await?.ok(&asking)
    }

    /// Join again
    ///
    /// For whoever was silent twice; at the end of the queue.
    #[oai(path = "/waitlist/:id/rejoin", method = "post", operation_id = "rejoinWaitlist")]
    async fn rejoin(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<WaitlistWrite>,
        asking: Asking,
        id: Path<Uuid>,
    ) -> Result<Written<Entry>, ApiError> {
        let entry = own(&front, &caller, id.0).await?;
        let rejoin = RejoinWaitlist { entry_id: entry.id, customer_id: entry.customer_id };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &rejoin, &json!(rejoin))?;
        front.write(&asking, job).await?.ok(&asking)
    }
}
