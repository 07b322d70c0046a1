//! Staff accounts, made by admins only.

use std::sync::Arc;

use jobs::account::AddStaff;
use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use rules::account::Role;
use serde_json::json;
use uuid::Uuid;
use view::{Word, account::User};

use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    account::Newcomer,
    auth::{Caller, StaffManage},
    error::ApiError,
    front::Front,
    shape::Shaped,
};

/// A member of staff.
#[derive(Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct NewStaff {
    email: String,
    password: String,
    name: String,
    phone: Option<String>,
    role: Word<Role>,
    branch_id: Option<Uuid>,
}

pub struct StaffApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Accounts")]
impl StaffApi {
    /// Add a member of staff
    #[oai(path = "/admin/staff", method = "post", operation_id = "addStaff")]
    async fn add(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<StaffManage>,
        asking: Asking,
        Shaped(body): Shaped<NewStaff>,
    ) -> Result<Written<User>, ApiError> {
        let newcomer = Newcomer::check(&body.email, body.password, &body.name, body.phone.as_deref())?;
        let request = json!({ "email": newcomer.email.as_str(), "name": body.name, "role": body.role.0 });
        let registration_id = newcomer.keep(&front).await?;
        let add =
            AddStaff { registration_id, role: body.role.0, branch_id: body.branch_id, added_by: caller.account_id };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &add, &request)?;
        front.write(&asking, job).await?.created(&asking, "/api/v1/me".to_owned())
    }
}
