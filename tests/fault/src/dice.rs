//! All chance of a run comes from one number.

use std::{hash::Hasher, ops::Range};

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A stream of chance. Each part of a run has one of its own, so that how the parts
/// interleave changes nothing of what each of them does.
pub struct Dice(StdRng);

impl Dice {
    /// The stream of this name under a seed.
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Self {
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u64(seed);
        hasher.write(name.as_bytes());
        Self(StdRng::seed_from_u64(hasher.finish()))
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end.max(1))
    }

    pub fn within(&mut self, range: Range<f64>) -> f64 {
        self.0.random_range(range)
    }

    /// Yes so many times out of a hundred.
    pub fn percent(&mut self, chance: u32) -> bool {
        self.0.random_range(0..100) < chance
    }

    pub fn seed(&mut self) -> u64 {
        self.0.random()
    }
}
