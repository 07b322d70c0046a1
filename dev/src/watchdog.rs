use std::process::Stdio;

use nix::sys::signal::Signal;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

/// Ends a program when this process is gone, however it went.
///
/// A shell waits for a line on a pipe that only this process can write to. When
/// the pipe closes without one, this process has ended, `kill -9` included.
pub(crate) struct Watchdog(Option<Child>);

/// `$1` is the signal, `$2` the process id.
const SCRIPT: &str = r#"read -r _ || kill -s "$1" "$2" 2>/dev/null"#;

impl Watchdog {
    pub(crate) fn over(pid: u32, signal: Signal) -> Self {
        let name = signal.as_str().trim_start_matches("SIG");
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "forecourt-watchdog", name, &pid.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        Self(shell.ok())
    }

    /// For a program that has already ended: its process id may soon be another's.
    pub(crate) async fn call_off(self) {
        let Some(mut shell) = self.0 else { return };
        if let Some(mut pipe) = shell.stdin.take() {
            let _ = pipe.write_all(b"\n").await;
        }
        let _ = shell.wait().await;
    }
}
