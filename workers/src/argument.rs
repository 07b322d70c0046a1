//! The words behind a worker's name: there are none but those that ask what it is.

use clap::Command;

/// Answers `--help` and `--version`, and refuses everything else; the process ends then. Before anything is started or read.
pub(crate) fn check(about: String) {
    command(about).get_matches();
}

fn command(about: String) -> Command {
    Command::new("forecourt").version(env!("CARGO_PKG_VERSION")).about(about).after_help(
        "It is configured by environment variables only: .env.example lists and explains all of them, and a start with wrong ones \
         names those. With PROBE_LISTEN it answers /livez, /readyz and /metrics. SIGTERM ends it in good order.",
    )
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn a_worker_says_what_it_is_and_takes_no_words() {
        let asked = |word: &str| command("Works on bookings.".to_owned()).try_get_matches_from(["booking", word]);
        let help = asked("--help").unwrap_err();
        assert_eq!(help.kind(), ErrorKind::DisplayHelp);
        assert!(help.to_string().contains("Works on bookings.") && help.to_string().contains(".env.example"), "{help}");
        assert_eq!(asked("--version").unwrap_err().kind(), ErrorKind::DisplayVersion);
        assert_eq!(asked("--concurrency=3").unwrap_err().kind(), ErrorKind::UnknownArgument);
        assert_eq!(asked("now").unwrap_err().kind(), ErrorKind::UnknownArgument);
    }
}
