//! Where a fault test may break this process, and which protections it may take away.
//!
//! Only with the feature `faults`, which no release is built with: without it its
//! functions are empty, and the compiler forgets that they were called.

/// A place between two effects. `CRASH_POINT=name:hit` ends the process here, as a crash
/// would, when it comes by for the `hit`-th time; once only for all processes that share
/// the file `CRASH_ONCE`. With `CRASH_ACTION=stop` it is frozen instead, until somebody thaws it.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn crash_point(_: &'static str) {}

/// Whether `MUTANT` names this protection: a fault test must notice that it is gone.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub const fn removed(_: &'static str) -> bool {
    false
}

/// Does what a payload marked `"poison": "abort" | "panic" | "loop" | "hoard"` asks for.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn poison(_: &str) {}

/// The name that a worker drew, unless `WORKER_NAME` gives it another's.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn name(drawn: String) -> String {
    drawn
}

#[cfg(feature = "faults")]
pub use armed::{crash_point, name, poison, removed};

#[cfg(feature = "faults")]
mod armed {
    use std::{
        env,
        fs::File,
        sync::{
            OnceLock,
            atomic::{AtomicU32, Ordering},
        },
    };

    struct Armed {
        point: String,
        left: AtomicU32,
    }

    fn armed() -> Option<&'static Armed> {
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        let read = || {
            let text = env::var("CRASH_POINT").ok()?;
            let (point, hit) = text.split_once(':').unwrap_or((&text, "1"));
            Some(Armed { point: point.to_owned(), left: AtomicU32::new(hit.parse().ok()?) })
        };
        ARMED.get_or_init(read).as_ref()
    }

    pub fn crash_point(name: &'static str) {
        let Some(armed) = armed().filter(|armed| armed.point == name) else { return };
        if armed.left.fetch_sub(1, Ordering::Relaxed) == 1 && is_first() {
            match env::var("CRASH_ACTION").as_deref() {
                Ok("stop") => stop(),
                _ => std::process::abort(),
            }
        }
    }

    /// The shell's parent is this process.
    fn stop() {
        let _ = std::process::Command::new("sh").args(["-c", "kill -STOP $PPID"]).status();
    }

    fn is_first() -> bool {
        env::var("CRASH_ONCE").is_ok_and(|path| File::create_new(path).is_ok())
    }

    pub fn poison(payload: &str) {
        let payload: serde_json::Value = serde_json::from_str(payload).unwrap_or_default();
        match payload["poison"].as_str() {
            Some("abort") => std::process::abort(),
            Some("panic") => panic!("poisoned"),
            Some("hoard") => hoard(),
            Some("loop") => loop {
                std::hint::spin_loop();
            },
            _ => {}
        }
    }

    /// Takes memory, and uses it, until somebody ends this process.
    fn hoard() -> ! {
        let mut hoard = Vec::new();
        loop {
            hoard.push(vec![1_u8; 8 << 20]);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    pub fn name(drawn: String) -> String {
        env::var("WORKER_NAME").unwrap_or(drawn)
    }

    pub fn removed(protection: &'static str) -> bool {
        static MUTANT: OnceLock<String> = OnceLock::new();
        MUTANT.get_or_init(|| env::var("MUTANT").unwrap_or_default()) == protection
    }
}
