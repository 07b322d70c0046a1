use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use crate::period::Period;
use crate::problem::Reason;

words! {
    /// Why staff keep a car from being rented for a while.
    pub enum BlockPurpose {
        Maintenance = "maintenance",
        /// Anything else: a film, a fair, a favour.
        Block = "block",
    }
}

/// A car that is away for longer is better taken out of service.
const LONGEST: TimeDelta = TimeDelta::days(365);

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BlockRefused {
    #[error("the block has to end in the future")]
    Over,
    #[error("a block lasts at most {} days", LONGEST.num_days())]
    TooLong,
    #[error("say in a few words why the car is blocked")]
    NoReason,
}

/// Accepts a block of a car's time, or says everything that is wrong with it.
pub fn block(now: DateTime<Utc>, period: Period, reason: &str) -> Result<(), Vec<BlockRefused>> {
    let refused: Vec<_> = [
        (period.end <= now).then_some(BlockRefused::Over),
        (period.length() > LONGEST).then_some(BlockRefused::TooLong),
        reason.trim().is_empty().then_some(BlockRefused::NoReason),
    ]
    .into_iter()
    .flatten()
    .collect();
    if refused.is_empty() { Ok(()) } else { Err(refused) }
}

impl From<BlockRefused> for Reason {
    fn from(refused: BlockRefused) -> Self {
        let (code, pointer) = match refused {
            BlockRefused::Over => ("end_in_the_past", "/to"),
            BlockRefused::TooLong => ("period_too_long", "/to"),
            BlockRefused::NoReason => ("reason_missing", "/reason"),
        };
        Self { code, pointer, message: refused.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::tests::{at, period};

    #[test]
    fn a_block_lies_ahead_has_an_end_and_a_reason() {
        let now = at("2026-05-04T10:00");
        assert_eq!(block(now, period("2026-05-04T08:00", "2026-05-04T12:00"), "new tyres"), Ok(()));
        assert_eq!(block(now, period("2026-05-05T08:00", "2027-06-05T08:00"), "?"), Err(vec![BlockRefused::TooLong]));
        let both = block(now, period("2026-05-03T08:00", "2026-05-04T10:00"), " ");
        assert_eq!(both, Err(vec![BlockRefused::Over, BlockRefused::NoReason]));
    }
}
