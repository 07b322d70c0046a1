//! Damage: what it costs, and what becomes of it.

mod answer;
pub(crate) mod case;
mod matrix;
mod settle;
