//! Time in which staff keep a car from being rented.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entity::reservation::{Column, Entity};
use jobs::car::{BlockCar, UnblockCar};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json, types::Example};
use rules::car::BlockPurpose;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use serde_json::json;
use uuid::Uuid;
use view::{Word, car::Block};

use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    account::Reasons,
    auth::{Caller, CarsWrite},
    error::ApiError,
    front::Front,
    listing::Page,
    shape::Shaped,
};

/// A car's way to the workshop, or whatever else keeps it from being rented.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields, example)]
struct NewBlock {
    /// RFC 3339.
    from: DateTime<Utc>,
    /// RFC 3339; the car can be rented again from then on.
    to: DateTime<Utc>,
    /// `maintenance` when left out.
    purpose: Option<Word<BlockPurpose>>,
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: String,
}

impl Example for NewBlock {
    fn example() -> Self {
        let from = DateTime::UNIX_EPOCH + TimeDelta::days(20_942) + TimeDelta::hours(8);
        Self {
            from,
            to: from + TimeDelta::hours(6),
            purpose: Some(BlockPurpose::Maintenance.into()),
            reason: "New tyres".to_owned(),
        }
    }
}

/// A car has fewer blocks than this at a time.
const MOST: u64 = 100;

pub struct BlockApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Fleet")]
impl BlockApi {
    /// Block a car
    ///
    /// Nobody can book the time. `409 car_has_bookings` when bookings lie in it: `conflicts` lists them with number
    /// and dates, to be moved or cancelled first; `409 car_taken` when it is a block or an offer.
    #[oai(path = "/cars/:id/blocks", method = "post", operation_id = "blockCar")]
    async fn block(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<CarsWrite>,
        asking: Asking,
        id: Path<Uuid>,
        Shaped(body): Shaped<NewBlock>,
    ) -> Result<Written<Block>, ApiError> {
        let mut reasons = Reasons::default();
        let period = reasons.period(("/from", body.from), ("/to", body.to)).ok_or_else(|| reasons.into_error())?;
        let block = BlockCar {
            block_id: Uuid::now_v7(),
            car_id: id.0,
            blocked_by: caller.account_id,
            start: period.start,
            end: period.end,
            purpose: body.purpose.map_or(BlockPurpose::Maintenance, |word| word.0),
            reason: body.reason,
        };
        let same = json!({ "start": block.start, "end": block.end, "purpose": block.purpose, "reason": block.reason });
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &block, &same)?;
        front.write(&asking, job).await?.created_at(&asking, format!("/api/v1/cars/{}/blocks", id.0))
    }

    /// List a car's blocks
    ///
    /// Those that are not over, in the order of time.
    #[oai(path = "/cars/:id/blocks", method = "get", operation_id = "listBlocks")]
    async fn list(
        &self,
        front: Data<&Arc<Front>>,
        _caller: Caller<CarsWrite>,
        id: Path<Uuid>,
    ) -> Result<Json<Page<Block>>, ApiError> {
        entity::car::Entity::find_by_id(id.0).one(&front.db).await?.ok_or_else(ApiError::not_found)?;
        let rows = Entity::find()
            .filter(Column::ResourceKind.eq("car"))
            .filter(Column::ResourceId.eq(id.0))
            .filter(Column::Purpose.is_in(BlockPurpose::WORDS.iter().copied()))
            .filter(Expr::cust("ends_at > now()"))
            .order_by_asc(Column::StartsAt)
            .limit(MOST)
            .all(&front.db)
            .await?;
        Ok(Json(Page { items: rows.into_iter().map(Block::from).collect(), next_cursor: None }))
    }

    /// Lift a block
    ///
    /// Its time can be booked again at once, and goes to those who wait for the car first.
    #[oai(path = "/cars/:id/blocks/:block_id", method = "delete", operation_id = "unblockCar")]
    async fn lift(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<CarsWrite>,
        asking: Asking,
        id: Path<Uuid>,
        block_id: Path<Uuid>,
    ) -> Result<Written<Block>, ApiError> {
        let unblock = UnblockCar { block_id: block_id.0, car_id: id.0, unblocked_by: caller.account_id };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &unblock, &json!(unblock))?;
        front.write(&asking, job).await?.ok(&asking)
    }
}
