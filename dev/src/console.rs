use std::{io::SeekFrom, path::PathBuf, time::Duration};

use tokio::{
    fs::File,
    io::{AsyncBufReadExt, AsyncSeekExt, BufReader},
    time::sleep,
};

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

    /// Shows what is added to a program's log from now on, with the program's
    /// name in front.
    ///
    /// The program writes to the file itself: were it to write to us, it would
    /// have nowhere to write when we are killed, and programs that find no room
    /// for their words tend not to end well.
    pub(crate) async fn follow(self, log: PathBuf, name: String) {
        if self != Self::Verbose {
            return;
        }
        let Ok(mut file) = File::open(&log).await else {
            return;
        };
        let _ = file.seek(SeekFrom::End(0)).await;
        let mut lines = BufReader::new(file);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).await.is_ok() {
            if line.last() == Some(&b'\n') {
                eprintln!("{name:>12} | {}", String::from_utf8_lossy(&line).trim_end());
                line.clear();
            } else {
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}
