//! Offers of freed time: looking at one, taking it, leaving it.

mod face;
mod page;

use std::sync::Arc;

use entity::waitlist_offer::{Column, Entity, Model};
use jobs::waitlist::{AcceptOffer, DeclineOffer};
use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};
use serde_json::json;
use uuid::Uuid;
use view::{booking::Booking, waitlist::Offer};

pub(crate) use self::{
    face::Fact,
    page::{PENDING, answer, behind_link, nowhere, pending, routes, write},
};
use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    auth::{Caller, WaitlistRead, WaitlistWrite},
    error::ApiError,
    front::Front,
};

/// The offer, if it was made to this person.
async fn own(front: &Front, id: Uuid, customer: Option<Uuid>) -> Result<Model, ApiError> {
    let own = Condition::all().add(Column::Id.eq(id)).add_option(customer.map(|id| Column::CustomerId.eq(id)));
    Entity::find().filter(own).one(&front.db).await?.ok_or_else(ApiError::not_found)
}

pub struct OfferApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Waitlist")]
impl OfferApi {
    /// Show an offer
    #[oai(path = "/offers/:id", method = "get", operation_id = "showOffer")]
    async fn show(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<WaitlistRead>,
        id: Path<Uuid>,
    ) -> Result<Json<Offer>, ApiError> {
        Ok(Json(own(&front, id.0, caller.owner()).await?.into()))
    }

    /// Accept an offer
    ///
    /// Only the person it was made to can, before `expiresAt`. Answers the booking, the same one every time;
    /// `409 offer_expired` or `409 already_taken` when it was too late.
    #[oai(path = "/offers/:id/accept", method = "post", operation_id = "acceptOffer")]
    async fn accept(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<WaitlistWrite>,
        asking: Asking,
        id: Path<Uuid>,
    ) -> Result<Written<Booking>, ApiError> {
        let offer = own(&front, id.0, Some(caller.account_id)).await?;
        let accept = AcceptOffer { offer_id: offer.id, booking_id: Uuid::now_v7(), customer_id: caller.account_id };
        let same = json!({ "offerId": offer.id });
        let job = job_for(&asking, Key::Required, Some(caller.account_id), &accept, &same)?;
        front.write(&asking, job).await?.ok(&asking)
    }

    /// Decline an offer
    ///
    /// Costs nothing: the place in the queue is kept, and the car goes to the next person.
    #[oai(path = "/offers/:id/decline", method = "post", operation_id = "declineOffer")]
    async fn decline(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<WaitlistWrite>,
        asking: Asking,
        id: Path<Uuid>,
    ) -> Result<Written<Offer>, ApiError> {
        let offer = own(&front, id.0, Some(caller.account_id)).await?;
        let decline = DeclineOffer { offer_id: offer.id, customer_id: caller.account_id };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &decline, &json!(decline))?;
        front.write(&asking, job).await?.ok(&asking)
    }
}
