use entity::audit_log;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ConnectionTrait, DbErr,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Writes down who did what to what, in the transaction that does it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn audit(
    tx: &impl ConnectionTrait,
    actor: Option<Uuid>,
    action: &str,
    subject_kind: &str,
    subject_id: Uuid,
) -> Result<(), DbErr> {
    audit_with(tx, actor, action, (subject_kind, subject_id), json!({})).await
}

/// The same, with what is worth knowing of it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn audit_with(
    tx: &impl ConnectionTrait,
    actor: Option<Uuid>,
    action: &str,
    (subject_kind, subject_id): (&str, Uuid),
    detail: Value,
) -> Result<(), DbErr> {
    let row = audit_log::ActiveModel {
        id: NotSet,
        // On the database's clock.
        at: NotSet,
        actor: Set(actor),
        action: Set(action.to_owned()),
        subject_kind: Set(subject_kind.to_owned()),
        subject_id: Set(subject_id),
        detail: Set(detail),
    };
    row.insert(tx).await?;
    Ok(())
}
