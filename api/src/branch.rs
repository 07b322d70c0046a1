//! Branches: where cars stand.

use std::sync::Arc;

use jobs::car::AddBranch;
use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::json;
use uuid::Uuid;
use view::branch::Branch;

use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    auth::{BranchesManage, Caller},
    error::ApiError,
    front::Front,
    shape::Shaped,
};

/// A branch that opens.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct NewBranch {
    #[oai(validator(min_length = 1, max_length = 100))]
    name: String,
    /// IANA name, such as `Europe/Berlin`.
    time_zone: String,
    #[oai(validator(max_length = 300))]
    address: Option<String>,
    #[oai(validator(minimum(value = "-90"), maximum(value = "90")))]
    lat: Option<f64>,
    #[oai(validator(minimum(value = "-180"), maximum(value = "180")))]
    lon: Option<f64>,
    /// Minutes that a car is busy after each rental; 60 by default.
    #[oai(validator(minimum(value = "0"), maximum(value = "1440")))]
    turnaround_minutes: Option<i32>,
    auto_release: Option<bool>,
}

/// All branches.
#[derive(Debug, Object)]
struct Branches {
    items: Vec<Branch>,
}

pub struct BranchApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Fleet")]
impl BranchApi {
    /// List branches
    #[oai(path = "/branches", method = "get", operation_id = "listBranches")]
    async fn list(&self, front: Data<&Arc<Front>>) -> Result<Json<Branches>, ApiError> {
        let branches = entity::branch::Entity::find().order_by_asc(entity::branch::Column::Name).all(&front.db).await?;
        Ok(Json(Branches { items: branches.into_iter().map(Branch::from).collect() }))
    }

    /// Open a branch
    #[oai(path = "/branches", method = "post", operation_id = "addBranch")]
    async fn add(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<BranchesManage>,
        asking: Asking,
        Shaped(body): Shaped<NewBranch>,
    ) -> Result<Written<Branch>, ApiError> {
        let mut add = AddBranch {
            branch_id: Uuid::nil(),
            added_by: caller.account_id,
            name: body.name,
            time_zone: body.time_zone,
            address: body.address,
            latitude: body.lat,
            longitude: body.lon,
            turnaround_minutes: body.turnaround_minutes,
            auto_release: body.auto_release,
        };
        let request = json!(add);
        add.branch_id = Uuid::now_v7();
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &add, &request)?;
        front.write(&asking, job).await?.created_at(&asking, "/api/v1/branches".to_owned())
    }
}
