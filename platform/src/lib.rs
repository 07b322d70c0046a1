//! What surrounds every process: settings, logs, metrics, probes, signals, the
//! database and the bucket. The front and the workers are built on this.

pub mod bucket;
pub mod database;
pub mod link;
pub mod log;
pub mod metric;
pub mod probe;
pub mod settings;
pub mod signal;

pub use bucket::Bucket;
pub use settings::Settings;
