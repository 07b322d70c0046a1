//! Damage: what it costs, and what becomes of it.

mod answer;
mod attachment;
pub(crate) mod case;
mod dossier;
mod evidence;
mod matrix;
mod pdf;
mod settle;
pub mod teaching;
