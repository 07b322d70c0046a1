use entity::{account, audit_log};
use rules::account::Role;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter};
use serde::Serialize;
use uuid::Uuid;

/// Somebody who has just got an account.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Newcomer {
    pub(crate) id: Uuid,
    /// What they are here, such as `fleet manager`; `None` for customers.
    pub(crate) role: Option<String>,
    /// Who added them.
    pub(crate) added_by: Option<String>,
}

impl Newcomer {
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn load(db: &DatabaseConnection, id: Uuid) -> anyhow::Result<Option<Self>> {
        let Some(account) = account::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
        let added = audit_log::Entity::find()
            .filter(audit_log::Column::SubjectKind.eq("account"))
            .filter(audit_log::Column::SubjectId.eq(id))
            .filter(audit_log::Column::Action.eq("add_staff"));
        let added_by = match added.one(db).await?.and_then(|added| added.actor) {
            Some(actor) => account::Entity::find_by_id(actor).one(db).await?.map(|actor| actor.name),
            None => None,
        };
        let role = Some(account.role.0).filter(|role| *role != Role::Customer);
        Ok(Some(Self { id, role: role.map(|role| role.as_str().replace('_', " ")), added_by }))
    }
}
