//! Marks on a car: what they are called, where they are, and which are new.

mod case;
mod class;
mod compare;
mod region;

pub use case::{CaseEvent, CaseRefused, CaseState};
pub use class::{Class, Panel, Severity, Side};
pub use compare::{Detection, Finding, Known, Novelty, compare};
pub use region::{Region, RegionRefused};
