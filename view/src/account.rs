use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rules::account::Role;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Word;

/// A person who can log in, as that person and admins see it.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: Uuid,
    pub email: String,
    pub name: String,
    pub phone: Option<String>,
    pub role: Word<Role>,
    /// Where a member of staff works.
    #[serde(default)]
    pub branch_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
}

impl From<entity::account::Model> for User {
    fn from(account: entity::account::Model) -> Self {
        Self {
            id: account.id,
            email: account.email,
            name: account.name,
            phone: account.phone,
            role: account.role.into(),
            branch_id: account.branch_id,
            created_at: account.created_at,
        }
    }
}

/// One device that is logged in.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub id: Uuid,
    pub user_agent: Option<String>,
    pub ip: Option<String>,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
}

impl From<entity::session::Model> for Session {
    fn from(session: entity::session::Model) -> Self {
        Self {
            id: session.id,
            user_agent: session.user_agent,
            ip: session.ip,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
        }
    }
}
