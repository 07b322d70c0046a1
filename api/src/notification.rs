//! Messages inside the application: one's own, newest first, and marking them as read.

use std::sync::Arc;

use entity::notification::{Column, Entity};
use jobs::notify::ReadNotification;
use poem::web::Data;
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Value, sea_query::Expr};
use serde_json::json;
use uuid::Uuid;
use view::notification::{Notification, Read};

use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    auth::{Caller, NotificationsRead, NotificationsWrite},
    error::ApiError,
    front::Front,
    listing::{Cursor, Page, limit},
};

/// What a cursor of its list is one of.
const LIST: &str = "notifications";

pub struct NotificationApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Notifications")]
impl NotificationApi {
    /// List notifications
    ///
    /// One's own, newest first.
    #[oai(path = "/notifications", method = "get", operation_id = "listNotifications")]
    async fn list(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<NotificationsRead>,
        #[oai(name = "isRead")] is_read: Query<Option<bool>>,
        #[oai(name = "limit", validator(minimum(value = "1"), maximum(value = "100")))] asked: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Notification>>, ApiError> {
        let limit = limit(asked.0);
        // The numbers are the order in which they are told; times may be alike.
        let before = "seq < (select last.seq from notification last where last.id = $1 and last.account_id = $2)";
        let after = Cursor::read(LIST, cursor.0.as_deref())?
            .map(|last: Cursor| Expr::cust_with_values(before, [Value::from(last.id), Value::from(caller.account_id)]));
        let wanted = Condition::all()
            .add(Column::AccountId.eq(caller.account_id))
            .add_option(is_read.0.map(|read| Column::IsRead.eq(read)))
            .add_option(after);
        let rows = Entity::find().filter(wanted).order_by_desc(Column::Seq).limit(limit + 1).all(&front.db).await?;
        Ok(Json(Page::cut(LIST, rows, limit, |row| Cursor { at: row.created_at, id: row.id }, Notification::from)))
    }

    /// Mark a notification as read
    #[oai(path = "/notifications/:id/read", method = "post", operation_id = "readNotification")]
    async fn read(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<NotificationsWrite>,
        asking: Asking,
        id: Path<Uuid>,
    ) -> Result<Written<Read>, ApiError> {
        let own = Entity::find_by_id(id.0).filter(Column::AccountId.eq(caller.account_id));
        let notification = own.one(&front.db).await?.ok_or_else(ApiError::not_found)?;
        mark(&front, &asking, caller.account_id, Some(notification.id)).await
    }

    /// Mark all notifications as read
    ///
    /// Those that were there when this was asked.
    #[oai(path = "/notifications/read-all", method = "post", operation_id = "readNotifications")]
    async fn read_all(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<NotificationsWrite>,
        asking: Asking,
    ) -> Result<Written<Read>, ApiError> {
        mark(&front, &asking, caller.account_id, None).await
    }
}

async fn mark(front: &Front, asking: &Asking, account: Uuid, one: Option<Uuid>) -> Result<Written<Read>, ApiError> {
    let read = ReadNotification { account_id: account, notification_id: one };
    let job = job_for(asking, Key::Optional, Some(account), &read, &json!(read))?;
    front.write(asking, job).await?.ok(asking)
}
