//! Accounts: registrations become accounts, profiles change.

use chrono::{DateTime, Utc};
use entity::{account, branch, registration};
use jobs::{
    Refusal,
    account::{AddStaff, ChangeProfile, RegisterAccount},
    notify::{Announce, News},
};
use rules::{account::Role, problem};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, EntityTrait, IntoActiveModel, sea_query::OnConflict,
};
use uuid::Uuid;
use view::account::User;

use crate::{Ending, JobError, Perform, Work, audit, branch::no_branch};

/// Makes an account of a registration. `None`: the address has one already.
async fn admit(
    tx: &DatabaseTransaction,
    newcomer: registration::Model,
    role: Role,
    branch_id: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Option<account::Model>, JobError> {
    let row = account::ActiveModel {
        id: Set(newcomer.id),
        email: Set(newcomer.email),
        name: Set(newcomer.name),
        phone: Set(newcomer.phone),
        password_hash: Set(newcomer.password_hash),
        role: Set(role.into()),
        branch_id: Set(branch_id),
        suspended_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let taken = OnConflict::column(account::Column::Email).do_nothing().to_owned();
    let inserted = account::Entity::insert(row).on_conflict(taken).exec_without_returning(tx).await?;
    registration::Entity::delete_by_id(newcomer.id).exec(tx).await?;
    if inserted == 0 {
        return Ok(None);
    }
    Ok(account::Entity::find_by_id(newcomer.id).one(tx).await?)
}

fn email_taken() -> Refusal {
    Refusal::new(problem::EMAIL_TAKEN.code, "Log in with this address, or register with another one.")
}

async fn register(
    mut work: Work,
    registration_id: Uuid,
    role: Role,
    branch_id: Option<Uuid>,
    added_by: Option<Uuid>,
) -> Result<Ending, JobError> {
    let tx = work.begin().await?;
    let Some(newcomer) = registration::Entity::find_by_id(registration_id).one(&tx).await? else {
        return match account::Entity::find_by_id(registration_id).one(&tx).await? {
            Some(account) => work.done(tx, User::from(account)),
            None => Ok(work.skip("the registration is gone")),
        };
    };

    if let Some(branch) = branch_id
        && branch::Entity::find_by_id(branch).one(&tx).await?.is_none()
    {
        // What was typed is of no more use, as where the address is taken.
        registration::Entity::delete_by_id(newcomer.id).exec(&tx).await?;
        return Ok(work.refuse_with(tx, no_branch()));
    }
    let Some(account) = admit(&tx, newcomer, role, branch_id, work.now()).await? else {
        return Ok(work.refuse_with(tx, email_taken()));
    };
    if added_by.is_some() {
        audit(&tx, added_by, "add_staff", "account", account.id).await?;
    }

    work.then(&Announce { news: News::AccountRegistered, subject_id: account.id, turn: 0 });
    work.done(tx, User::from(account))
}

impl Perform for RegisterAccount {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        register(work, self.registration_id, Role::Customer, None, None).await
    }
}

impl Perform for AddStaff {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        register(work, self.registration_id, self.role, self.branch_id, Some(self.added_by)).await
    }
}

impl Perform for ChangeProfile {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let Some(account) = account::Entity::find_by_id(self.account_id).one(&tx).await? else {
            return Ok(work.skip("the account is gone"));
        };

        // Nothing but what was given is written: another device may change the rest at the same time.
        let mut change = account.into_active_model();
        if let Some(name) = self.name {
            change.name = Set(name);
        }
        if let Some(phone) = self.phone {
            change.phone = Set(Some(phone).filter(|phone| !phone.is_empty()));
        }
        change.updated_at = Set(work.now());
        let account = change.update(&tx).await?;

        work.done(tx, User::from(account))
    }
}
