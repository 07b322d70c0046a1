use std::{fs::File, io::Write, sync::Arc};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// What the person at the terminal gets to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Console {
    /// Nothing: for tests.
    Silent,
    /// Deaths and other news, not what the programs themselves say.
    #[default]
    News,
    /// Every line of every program as well.
    Verbose,
}

impl Console {
    pub(crate) fn say(self, news: &str) {
        if self != Self::Silent {
            eprintln!("{news}");
        }
    }

    /// Copies each line that a program says to its log, and to the terminal
    /// with the program's name in front.
    pub(crate) async fn copy(self, from: impl AsyncRead + Unpin, name: String, log: Arc<File>) {
        let mut lines = BufReader::new(from);
        let mut line = Vec::new();
        while let Ok(1..) = lines.read_until(b'\n', &mut line).await {
            let _ = (&*log).write_all(&line);
            if self == Self::Verbose {
                eprintln!("{name:>12} | {}", String::from_utf8_lossy(&line).trim_end());
            }
            line.clear();
        }
    }
}
