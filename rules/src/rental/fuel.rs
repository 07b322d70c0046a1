use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How full the tank or the battery is: 0.0 empty, 1.0 full.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Fuel(f64);

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("fuel is a number from 0.0 (empty) to 1.0 (full)")]
pub struct FuelRefused;

impl Fuel {
    pub fn new(level: f64) -> Result<Self, FuelRefused> {
        (0.0..=1.0).contains(&level).then_some(Self(level)).ok_or(FuelRefused)
    }

    pub fn level(self) -> f64 {
        self.0
    }

    /// For people: 42 for 0.42.
    pub fn percent(self) -> i64 {
        (self.0 * 100.0).round() as i64
    }
}

impl TryFrom<f64> for Fuel {
    type Error = FuelRefused;

    fn try_from(level: f64) -> Result<Self, Self::Error> {
        Self::new(level)
    }
}

impl From<Fuel> for f64 {
    fn from(fuel: Fuel) -> Self {
        fuel.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_between_empty_and_full() {
        assert_eq!(Fuel::new(0.425).unwrap().percent(), 43);
        for level in [-0.01, 1.01, 42.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Fuel::new(level), Err(FuelRefused));
        }
    }
}
