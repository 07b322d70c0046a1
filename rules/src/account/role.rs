words! {
    /// What kind of person an account belongs to; given by an admin, never by the body of a request.
    pub enum Role {
        Customer = "customer",
        FleetManager = "fleet_manager",
        Mechanic = "mechanic",
        Admin = "admin",
        BranchOwner = "branch_owner",
    }
}

words! {
    /// One permission, named on every operation of the HTTP contract.
    ///
    /// `read` and `write` concern one's own; `manage` concerns everybody's.
    pub enum Scope {
        ProfileRead = "profile:read",
        ProfileWrite = "profile:write",
        BookingsRead = "bookings:read",
        BookingsWrite = "bookings:write",
        BookingsManage = "bookings:manage",
        ReturnsRead = "returns:read",
        ReturnsWrite = "returns:write",
        ReturnsManage = "returns:manage",
        ReturnsDecide = "returns:decide",
        WaitlistRead = "waitlist:read",
        WaitlistWrite = "waitlist:write",
        WaitlistManage = "waitlist:manage",
        ReviewsWrite = "reviews:write",
        NotificationsRead = "notifications:read",
        NotificationsWrite = "notifications:write",
        ChatRead = "chat:read",
        ChatWrite = "chat:write",
        MediaRead = "media:read",
        MediaManage = "media:manage",
        JobsRead = "jobs:read",
        JobsManage = "jobs:manage",
        CarsWrite = "cars:write",
        BranchesWrite = "branches:write",
        BranchesManage = "branches:manage",
        WorkOrdersRead = "work_orders:read",
        WorkOrdersWrite = "work_orders:write",
        CustomersManage = "customers:manage",
        StaffManage = "staff:manage",
        ReportsRead = "reports:read",
        SettingsWrite = "settings:write",
    }
}

/// What everybody who is logged in may do with their own account.
const OWN_ACCOUNT: &[Scope] = &[
    Scope::ProfileRead,
    Scope::ProfileWrite,
    Scope::NotificationsRead,
    Scope::NotificationsWrite,
    Scope::ChatRead,
    Scope::ChatWrite,
    Scope::JobsRead,
];

const RENTING: &[Scope] = &[
    Scope::BookingsRead,
    Scope::BookingsWrite,
    Scope::ReturnsRead,
    Scope::ReturnsWrite,
    Scope::WaitlistRead,
    Scope::WaitlistWrite,
    Scope::ReviewsWrite,
    Scope::MediaRead,
];

/// What running a fleet takes, on top of [`OWN_ACCOUNT`] and [`RENTING`].
const FLEET: &[Scope] = &[
    Scope::BookingsManage,
    Scope::ReturnsManage,
    Scope::ReturnsDecide,
    Scope::WaitlistManage,
    Scope::MediaManage,
    Scope::CarsWrite,
    Scope::WorkOrdersRead,
    Scope::WorkOrdersWrite,
    Scope::ReportsRead,
];

const WORKSHOP: &[Scope] = &[Scope::WorkOrdersRead, Scope::WorkOrdersWrite, Scope::MediaRead];

/// A branch owner reads what happens at the own branch, decides its returns and changes only the branch.
const OWN_BRANCH: &[Scope] = &[
    Scope::BookingsRead,
    Scope::ReturnsRead,
    Scope::ReturnsDecide,
    Scope::MediaRead,
    Scope::BranchesWrite,
    Scope::ReportsRead,
];

impl Role {
    /// Everything this role may do.
    pub fn scopes(self) -> Vec<Scope> {
        match self {
            Self::Customer => [OWN_ACCOUNT, RENTING].concat(),
            Self::FleetManager => [OWN_ACCOUNT, RENTING, FLEET].concat(),
            Self::Mechanic => [OWN_ACCOUNT, WORKSHOP].concat(),
            Self::BranchOwner => [OWN_ACCOUNT, OWN_BRANCH].concat(),
            Self::Admin => Scope::ALL.to_vec(),
        }
    }

    pub fn may(self, scope: Scope) -> bool {
        self.scopes().contains(&scope)
    }

    /// Whether this role may decide a return: an admin any, others only those of their own branch.
    pub fn decides(self, at_own_branch: bool) -> bool {
        self == Self::Admin || at_own_branch && self.may(Scope::ReturnsDecide)
    }

    /// Whether this role sees and handles what belongs to other people's rentals.
    pub fn is_staff(self) -> bool {
        self.may(Scope::BookingsManage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_books_but_neither_adds_cars_nor_decides_returns() {
        assert!(Role::Customer.may(Scope::BookingsWrite));
        for scope in Scope::ALL {
            let for_staff = scope.as_str().ends_with(":manage")
                || [Scope::CarsWrite, Scope::ReturnsDecide, Scope::StaffManage].contains(scope);
            assert!(!(for_staff && Role::Customer.may(*scope)), "{scope}");
        }
    }

    #[test]
    fn only_an_admin_replays_jobs_makes_staff_and_opens_branches() {
        for role in Role::ALL {
            for scope in [Scope::JobsManage, Scope::StaffManage, Scope::SettingsWrite, Scope::BranchesManage] {
                assert_eq!(role.may(scope), *role == Role::Admin, "{role} {scope}");
            }
        }
    }

    #[test]
    fn whoever_runs_a_branch_decides_its_returns_and_an_admin_all() {
        let decide = |at_own_branch| Role::ALL.iter().copied().filter(move |role| role.decides(at_own_branch));
        assert!(decide(true).eq([Role::FleetManager, Role::Admin, Role::BranchOwner]));
        assert!(decide(false).eq([Role::Admin]));
    }

    #[test]
    fn staff_are_those_who_handle_other_peoples_bookings() {
        let staff: Vec<_> = Role::ALL.iter().filter(|role| role.is_staff()).collect();
        assert_eq!(staff, [&Role::FleetManager, &Role::Admin]);
    }
}
