//! Damage: the price list, and the cases from a person's decision to their end.

mod case;
mod face;
mod matrix;
mod page;
mod press;
mod staff;

pub use case::CaseApi;
pub use matrix::MatrixApi;
pub(crate) use page::routes;
pub use staff::StaffCaseApi;
