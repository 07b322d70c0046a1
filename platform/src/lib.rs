//! What surrounds every process: settings, logs, metrics, probes, signals, the
//! database and the bucket, and what many callers share. The front and the workers are built on this.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may stop at a surprise"))]

pub mod blocking;
pub mod bucket;
pub mod database;
mod gather;
pub mod http;
pub mod link;
pub mod log;
pub mod metric;
pub mod probe;
pub mod settings;
pub mod signal;

/// A third of what a busy process does outside of the kernel is asking for memory and giving it back. With glibc's allocator
/// everything takes a tenth longer, and a front through which photos go needs three times as much (`bin/bench accept decide
/// drain memory`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

pub use bucket::Bucket;
pub use gather::Gather;
pub use settings::Settings;
