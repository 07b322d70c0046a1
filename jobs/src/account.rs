//! Accounts: what can be asked of the people side.

use rules::account::Role;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, Queue};

/// Somebody registers. Address and password hash wait in the row `registration`
/// with this id, because a payload never holds them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegisterAccount {
    /// Also the id of the account to be, and of the job.
    pub registration_id: Uuid,
}

impl Job for RegisterAccount {
    const KIND: &'static str = "register_account";
    const QUEUE: Queue = Queue::Booking;
}

/// An admin makes an account for a member of staff; the rest waits in `registration`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddStaff {
    pub registration_id: Uuid,
    pub role: Role,
    #[serde(default)]
    pub branch_id: Option<Uuid>,
    pub added_by: Uuid,
}

impl Job for AddStaff {
    const KIND: &'static str = "add_staff";
    const QUEUE: Queue = Queue::Booking;
}

/// Somebody changes their own profile. `None` leaves a field as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeProfile {
    pub account_id: Uuid,
    #[serde(default)]
    pub name: Option<String>,
    /// Empty: there is none any more.
    #[serde(default)]
    pub phone: Option<String>,
}

impl Job for ChangeProfile {
    const KIND: &'static str = "change_profile";
    const QUEUE: Queue = Queue::Booking;
}
