//! A process whose log cannot be written goes on with its work.

use std::{
    fs::OpenOptions,
    process::{Command, ExitCode, Stdio},
};

const CHILD: &str = "FORECOURT_TEST_LOGS_INTO_NOTHING";

fn main() -> ExitCode {
    if std::env::var_os(CHILD).is_some() {
        platform::log::start();
        tracing::warn!("nobody reads this");
        let panicked = std::thread::spawn(|| panic!("nor this")).join().is_err();
        return if panicked { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    // Every write to it fails as on a full disk.
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").expect("Linux has it"));
    let program = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(program);
    let status = child.env(CHILD, "yes").stdout(full()).stderr(full()).status().expect("this program runs");
    assert!(status.success(), "{status}: what wanted to say something did not live on");
    println!("a process whose log cannot be written goes on with its work ... ok");
    ExitCode::SUCCESS
}
