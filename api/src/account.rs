//! Accounts and sessions: registering, logging in and out, one's own profile and devices.

mod login;
mod session;

use std::sync::Arc;

use anyhow::{Context, ensure};
use jobs::account::{ChangeProfile, RegisterAccount};
use jobs::outcome::Reason;
use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use rules::account::{Email, Password, PersonName, Phone, Role};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter,
};
use serde_json::json;
use uuid::Uuid;
use view::account::User;

pub use login::LoginApi;
pub(crate) use login::authenticate;
pub(crate) use session::open_session;

use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    auth::{Caller, ProfileRead, ProfileWrite},
    error::ApiError,
    front::Front,
    shape::Shaped,
};

/// What somebody says when registering. There is no role here: new accounts are customers.
#[derive(Object)]
#[oai(deny_unknown_fields, example)]
struct Registration {
    email: String,
    /// At least 10 characters.
    password: String,
    name: String,
    /// E.164, such as `+4930123456`.
    phone: Option<String>,
}

impl poem_openapi::types::Example for Registration {
    fn example() -> Self {
        Self {
            email: "customer@example.com".to_owned(),
            password: "a long pass phrase".to_owned(),
            name: "A Customer".to_owned(),
            phone: Some("+4930123456".to_owned()),
        }
    }
}

/// What changes of one's own profile; what is left out stays.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct ProfileChange {
    name: Option<String>,
    /// E.164; an empty text takes the number away.
    phone: Option<String>,
}

/// Collects every reason instead of stopping at the first.
#[derive(Default)]
pub(crate) struct Reasons(Vec<Reason>);

impl Reasons {
    pub(crate) fn take<T, E: std::fmt::Display>(&mut self, pointer: &str, checked: Result<T, E>) -> Option<T> {
        checked.map_err(|error| self.add(pointer, error)).ok()
    }

    pub(crate) fn add(&mut self, pointer: &str, message: impl std::fmt::Display) {
        self.0.push(Reason { pointer: pointer.to_owned(), message: message.to_string() });
    }

    /// The problem that lists them all.
    pub(crate) fn into_error(self) -> ApiError {
        ApiError::invalid(self.0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A registration that is acceptable in itself.
pub(crate) struct Newcomer {
    pub(crate) email: Email,
    password: Password,
    name: PersonName,
    phone: Option<Phone>,
}

impl Newcomer {
    pub(crate) fn check(email: &str, password: String, name: &str, phone: Option<&str>) -> Result<Self, ApiError> {
        let mut reasons = Reasons::default();
        let email = reasons.take("/email", Email::new(email));
        let password = reasons.take("/password", Password::new(password, email.as_ref()));
        let name = reasons.take("/name", PersonName::new(name));
        let phone = phone.and_then(|phone| reasons.take("/phone", Phone::new(phone)));
        match (email, password, name) {
            (Some(email), Some(password), Some(name)) if reasons.is_empty() => {
                Ok(Self { email, password, name, phone })
            }
            _ => Err(reasons.into_error()),
        }
    }

    /// Writes down what the job may not carry, under the id of the account to be, which is that of the job, too: as long
    /// as that one is not done, the row stays.
    pub(crate) async fn keep(self, front: &Front, id: Uuid) -> Result<(), ApiError> {
        let password_hash = front.passwords.hash(self.password.expose().to_owned()).await?;
        let registration = entity::registration::ActiveModel {
            id: Set(id),
            email: Set(self.email.as_str().to_owned()),
            name: Set(self.name.as_str().to_owned()),
            phone: Set(self.phone.map(|phone| phone.as_str().to_owned())),
            password_hash: Set(password_hash),
            created_at: NotSet,
        };
        entity::registration::Entity::insert(registration).exec_without_returning(&front.db).await?;
        Ok(())
    }
}

pub struct AccountApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Accounts")]
impl AccountApi {
    /// Register
    ///
    /// Makes a customer's account. After `202` ask at `Location` how it ended; that needs no token.
    #[oai(path = "/auth/register", method = "post", operation_id = "register")]
    async fn register(
        &self,
        front: Data<&Arc<Front>>,
        asking: Asking,
        Shaped(body): Shaped<Registration>,
    ) -> Result<Written<User>, ApiError> {
        let newcomer = Newcomer::check(&body.email, body.password, &body.name, body.phone.as_deref())?;
        // The password stays out of what a key stands for: a fast hash of it must not be stored.
        let request = json!({ "email": newcomer.email.as_str(), "name": body.name, "phone": body.phone });
        let asking = asking.by_stranger(&newcomer.email);
        let registration_id = Uuid::now_v7();
        let mut job = job_for(&asking, Key::Optional, None, &RegisterAccount { registration_id }, &request)?;
        job.id = registration_id;
        newcomer.keep(&front, registration_id).await?;
        front.write(&asking, job).await?.created_at(&asking, "/api/v1/me".to_owned())
    }

    /// Show my profile
    #[oai(path = "/me", method = "get", operation_id = "showProfile")]
    async fn me(&self, front: Data<&Arc<Front>>, caller: Caller<ProfileRead>) -> Result<Json<User>, ApiError> {
        let account = entity::account::Entity::find_by_id(caller.account_id).one(&front.db).await?;
        Ok(Json(account.ok_or_else(ApiError::not_found)?.into()))
    }

    /// Change my profile
    #[oai(path = "/me", method = "patch", operation_id = "changeProfile")]
    async fn change(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<ProfileWrite>,
        asking: Asking,
        Shaped(body): Shaped<ProfileChange>,
    ) -> Result<Written<User>, ApiError> {
        let mut reasons = Reasons::default();
        let name = body.name.as_deref().and_then(|name| reasons.take("/name", PersonName::new(name)));
        let phone = match body.phone.as_deref() {
            Some("") => Some(String::new()),
            given => given.and_then(|phone| reasons.take("/phone", Phone::new(phone))).map(|it| it.as_str().to_owned()),
        };
        if !reasons.is_empty() {
            return Err(reasons.into_error());
        }
        let change =
            ChangeProfile { account_id: caller.account_id, name: name.map(|name| name.as_str().to_owned()), phone };
        let request = json!({ "name": change.name, "phone": change.phone });
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &change, &request)?;
        front.write(&asking, job).await?.ok(&asking)
    }
}

/// Makes the first admin. `false`: there is an admin with this address already, who stays as they are.
///
/// # Errors
/// When address or password are not acceptable, somebody else has an account with this address, or the database does not answer.
pub async fn create_admin(database_url: &str, email: &str, password: String) -> anyhow::Result<bool> {
    let email = Email::new(email)?;
    let password = Password::new(password, Some(&email))?;
    let password_hash = crate::password::Passwords::new(1)?.hash(password.expose().to_owned()).await?;
    let db = sea_orm::Database::connect(database_url).await?;
    let sql = "insert into account (id, email, name, password_hash, role) values ($1, $2, 'Administrator', $3, 'admin')
               on conflict (email) do nothing";
    let values = [Uuid::now_v7().into(), email.as_str().into(), password_hash.into()];
    let statement = sea_orm::Statement::from_sql_and_values(sea_orm::DbBackend::Postgres, sql, values);
    if sea_orm::ConnectionTrait::execute_raw(&db, statement).await?.rows_affected() == 1 {
        return Ok(true);
    }
    let theirs = entity::account::Column::Email.eq(email.as_str());
    let account = entity::account::Entity::find().filter(theirs).one(&db).await?;
    let role = account.context("an account with this address is just being changed")?.role.0;
    ensure!(role == Role::Admin, "{} has an account already, as {role}; nothing was changed", email.as_str());
    Ok(false)
}
