//! Room for pictures in memory.

use tokio::sync::Semaphore;

use crate::JobError;

/// Megabytes that pictures may take in one process while they are decoded. The largest that is let in takes 350
/// (50 megapixels with transparency, and as 8-bit RGB for turning), one of 12 megapixels 72.
const MEGABYTES: u32 = 400;

static ROOM: Semaphore = Semaphore::const_new(MEGABYTES as usize);

/// Does what takes so many bytes when there is room for it, and at most as much at a time as there are processors.
///
/// # Errors
/// When the process stops, or the work panics.
pub(super) async fn in_room<T: Send + 'static>(
    bytes: u64,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JobError> {
    let processors = std::thread::available_parallelism().map_or(2, |cores| cores.get().min(4));
    let share = MEGABYTES / processors as u32;
    let megabytes = u32::try_from(bytes.div_ceil(1_000_000)).unwrap_or(MEGABYTES).clamp(share, MEGABYTES);
    Ok(platform::blocking::holding(ROOM.acquire_many(megabytes).await?, work).await?)
}
