//! The queues: one per worker pool, split by what the work costs.

use std::time::Duration;

/// A worker pool's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Short and database-bound: accounts, fleet, bookings, returns.
    Booking,
    /// Promotion of those who wait.
    Waitlist,
    /// Network-bound: mail and what else tells people.
    Notify,
    /// CPU-bound: the smaller copies of photos.
    Thumbnail,
    /// CPU-bound, with a model in memory.
    Damage,
}

impl Queue {
    pub const ALL: [Self; 5] = [Self::Booking, Self::Waitlist, Self::Notify, Self::Thumbnail, Self::Damage];

    /// The name in the ledger, in Redis keys and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Booking => "booking",
            Self::Waitlist => "waitlist",
            Self::Notify => "notify",
            Self::Thumbnail => "thumbnail",
            Self::Damage => "damage",
        }
    }

    /// How long a claim is good for without a heartbeat; also how long a killed
    /// worker's job waits. Models stall for longer than queries do.
    pub fn lease(self) -> Duration {
        match self {
            Self::Damage => Duration::from_secs(60),
            _ => Duration::from_secs(15),
        }
    }

    /// How many jobs one ticket may name: many where they are short and done together, and one where each keeps a
    /// processor busy, so that no worker sits on what another could do.
    pub(crate) fn ids_per_ticket(self) -> usize {
        match self {
            Self::Booking | Self::Waitlist | Self::Notify => 16,
            Self::Thumbnail | Self::Damage => 1,
        }
    }

    /// How many jobs one process works on at a time, unless its settings say otherwise. Bookings are
    /// performed in groups, so there are more of them than connections: enough for three groups that are under way
    /// and one that is being claimed.
    pub fn concurrency(self) -> usize {
        match self {
            Self::Booking => 256,
            Self::Waitlist | Self::Notify => 16,
            Self::Thumbnail | Self::Damage => 2,
        }
    }
}

impl std::fmt::Display for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
