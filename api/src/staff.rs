//! Staff accounts, made and seen by admins only.

use std::sync::Arc;

use entity::account::{Column, Entity};
use jobs::account::AddStaff;
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rules::account::Role;
use sea_orm::{Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use serde_json::json;
use uuid::Uuid;
use view::{Word, account::User};

use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    account::{Newcomer, Reasons},
    auth::{Caller, StaffManage},
    error::ApiError,
    front::Front,
    listing::{Cursor, Page, limit, older},
    shape::Shaped,
};

/// What a cursor of its list is one of.
const LIST: &str = "staff";

/// A member of staff.
#[derive(Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct NewStaff {
    email: String,
    /// At least 10 characters.
    password: String,
    name: String,
    /// E.164, such as `+4930123456`.
    phone: Option<String>,
    /// Any but `customer`: customers register themselves.
    role: Word<Role>,
    /// Where they work; without one they are of no branch.
    branch_id: Option<Uuid>,
}

/// Everybody but customers, in the words of the index.
fn staff() -> Condition {
    Condition::all().add(Expr::cust("role <> 'customer'"))
}

pub struct StaffApi;

#[OpenApi(prefix_path = "/api/v1/admin", tag = "Tag::Accounts")]
impl StaffApi {
    /// Add a member of staff
    #[oai(path = "/staff", method = "post", operation_id = "addStaff")]
    async fn add(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<StaffManage>,
        asking: Asking,
        Shaped(body): Shaped<NewStaff>,
    ) -> Result<Written<User>, ApiError> {
        let NewStaff { email, password, name, phone, role: Word(role), branch_id } = body;
        if role == Role::Customer {
            let mut reasons = Reasons::default();
            reasons.add("/role", "must be another than customer: customers register themselves");
            return Err(reasons.into_error());
        }
        let newcomer = Newcomer::check(&email, password, &name, phone.as_deref())?;
        let request = json!({ "email": newcomer.email.as_str(), "name": name, "phone": phone, "role": role,
                              "branchId": branch_id, "password": newcomer.seal(&front) });
        let registration_id = Uuid::now_v7();
        let add = AddStaff { registration_id, role, branch_id, added_by: caller.account_id };
        let mut job = job_for(&asking, Key::Optional, Some(caller.account_id), &add, &request)?;
        job.id = registration_id;
        newcomer.keep(&front, registration_id).await?;
        front.write(&asking, job).await?.created(&asking, "/api/v1/admin/staff")
    }

    /// List members of staff
    ///
    /// Newest first.
    #[oai(path = "/staff", method = "get", operation_id = "listStaff")]
    async fn list(
        &self,
        front: Data<&Arc<Front>>,
        _caller: Caller<StaffManage>,
        #[oai(name = "limit", validator(minimum(value = "1"), maximum(value = "100")))] asked: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<User>>, ApiError> {
        let limit = limit(asked.0);
        let after = older(LIST, cursor.0.as_deref())?;
        let query = Entity::find().filter(staff().add_option(after));
        let query = query.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
        let rows = query.limit(limit + 1).all(&front.db).await?;
        Ok(Json(Page::cut(LIST, rows, limit, |row| Cursor { at: row.created_at, id: row.id }, User::from)))
    }

    /// Show a member of staff
    #[oai(path = "/staff/:id", method = "get", operation_id = "showStaff")]
    async fn show(
        &self,
        front: Data<&Arc<Front>>,
        _caller: Caller<StaffManage>,
        id: Path<Uuid>,
    ) -> Result<Json<User>, ApiError> {
        let account = Entity::find_by_id(id.0).filter(staff()).one(&front.db).await?;
        Ok(Json(account.ok_or_else(ApiError::not_found)?.into()))
    }
}
