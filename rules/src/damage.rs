//! Marks on a car: what they are called, where they are, and which are new.

mod case;
mod class;
mod compare;
mod matrix;
mod overlay;
mod region;

pub use case::{AmountRefused, CaseEvent, CaseRefused, CaseState, DISPUTE_WINDOW, MOST_DISPUTE_PHOTOS, Settlement};
pub use class::{Class, LARGEST_AMOUNT, Panel, Severity, Side, WearCharged};
pub use compare::{Basis, Detection, Finding, Known, Novelty, Pickup, compare};
pub use matrix::{LineRefused, Matrix, MatrixLine, Suggestion, refused};
pub use overlay::{Layer, Overlay, Placed, Transform};
pub use region::{Region, RegionRefused};
