//! A person who can log in.

use rules::account::{Role, Scope};
use sea_orm::{Condition, QueryOrder, Select, entity::prelude::*};

use crate::Word;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
#[sea_orm(table_name = "account")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub email: String,
    pub name: String,
    pub phone: Option<String>,
    pub password_hash: String,
    pub role: Word<Role>,
    pub branch_id: Option<Uuid>,
    pub suspended_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// It can do nothing for now: a person closed it.
    pub fn is_suspended(&self) -> bool {
        self.suspended_at.is_some()
    }
}

impl Entity {
    /// Those who are asked to decide a branch's returns, in the order in which they came: the people of that
    /// branch who may, and the admins who belong to none.
    pub fn deciding_at(branch: Uuid) -> Select<Self> {
        let may = Role::ALL.iter().filter(|role| role.may(Scope::ReturnsDecide)).map(|role| role.as_str());
        let here = Condition::all().add(Column::BranchId.eq(branch)).add(Column::Role.is_in(may));
        let everywhere = Condition::all().add(Column::BranchId.is_null()).add(Column::Role.eq(Role::Admin.as_str()));
        Self::active().filter(Condition::any().add(here).add(everywhere))
    }

    /// Every admin, wherever they belong.
    pub fn admins() -> Select<Self> {
        Self::active().filter(Column::Role.eq(Role::Admin.as_str()))
    }

    /// Those who run the fleet of a branch, or of all branches.
    pub fn running_fleet_at(branch: Uuid) -> Select<Self> {
        let here = Condition::any().add(Column::BranchId.is_null()).add(Column::BranchId.eq(branch));
        Self::active().filter(Column::Role.eq(Role::FleetManager.as_str())).filter(here)
    }

    fn active() -> Select<Self> {
        Self::find().filter(Column::SuspendedAt.is_null()).order_by_asc(Column::Id)
    }
}
