//! Who somebody is and what they may do.

mod email;
mod name;
mod password;
mod phone;
mod role;

pub use email::{Email, EmailRefused};
pub use name::{NameRefused, PersonName};
pub use password::{Password, PasswordRefused};
pub use phone::{Phone, PhoneRefused};
pub use role::{Role, Scope};
