use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser},
};

use crate::{
    console::Console,
    postgres::Durability,
    services::{Given, variable},
};

/// How the whole platform is to run.
#[derive(Clone)]
pub struct Options {
    pub data_dir: PathBuf,
    /// Where the front listens, on 127.0.0.1.
    pub port: u16,
    /// How many processes each worker pool gets; the clock is always one.
    pub workers: usize,
    /// The first admin; `None` stands for `admin@example.com`.
    pub admin_email: Option<String>,
    /// `None` lets one be drawn, if there is no such admin yet.
    pub admin_password: Option<String>,
    pub given: Given,
    pub durability: Durability,
    pub console: Console,
    /// The folder of the front's, the workers' and the migrations' programs.
    pub programs: PathBuf,
    /// More variables for the front and the workers; they win over ours.
    pub env: Vec<(String, String)>,
}

impl Options {
    /// The defaults for a data folder: own servers and the programs beside this one.
    ///
    /// # Errors
    /// The place of this program cannot be told.
    pub fn new(data_dir: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self {
            data_dir: data_dir.into(),
            port: PORT,
            workers: 1,
            admin_email: None,
            admin_password: None,
            given: Given::default(),
            durability: Durability::Full,
            console: Console::News,
            programs: beside_this_program()?,
            env: Vec::new(),
        })
    }
}

/// The options that `bin/dev` and `bin/demo` share.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Flags {
    /// Where the front listens on 127.0.0.1; the mail page takes the next number
    #[arg(long, env = "PORT", default_value_t = PORT, value_parser = port)]
    port: u16,

    /// Where everything is kept between starts [default: var/ beside this project's README]
    #[arg(long, env = "DATA_DIR", value_name = "DIR", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    data_dir: Option<PathBuf>,

    /// How many processes each worker pool gets
    #[arg(long, default_value_t = 1, value_name = "N")]
    workers: usize,

    /// Show what every process says, not only the news
    #[arg(long, short)]
    verbose: bool,
}

const PORT: u16 = 8080;

/// An empty `PORT` counts as none. Any free port, which 0 would mean, could not be told to those who follow links.
fn port(text: &str) -> Result<u16, String> {
    match text.trim() {
        "" => Ok(PORT),
        text => match text.parse() {
            Ok(port @ 1..) => Ok(port),
            _ => Err("must be a number from 1 to 65535".to_owned()),
        },
    }
}

const AFTER_HELP: &str = "\
Environment, each also as NAME_FILE, the file that holds it:
  ADMIN_EMAIL, ADMIN_PASSWORD   the first admin; without a password one is drawn and shown once
  DATABASE_URL, REDIS_URL       used instead of starting a private PostgreSQL or Redis
  S3_ENDPOINT                   used instead of the private S3 server, with S3_ACCESS_KEY_ID,
                                S3_SECRET_ACCESS_KEY, S3_BUCKET and S3_REGION
  SMTP_URL                      used instead of the private mail inbox
  MAIL_FROM                     the sender of every mail
  DAMAGE_MODEL                  the damage detector [default: models/damage.onnx if it is there]
  RUST_LOG                      how much the processes write to their logs";

impl Flags {
    /// These options and what the environment says.
    ///
    /// # Errors
    /// The environment contradicts itself.
    pub fn options(self) -> Result<Options> {
        let given = self.data_dir.filter(|folder| !folder.as_os_str().is_empty());
        let data_dir = given.unwrap_or_else(|| project().join("var"));
        Ok(Options {
            port: self.port,
            workers: self.workers.max(1),
            admin_email: variable("ADMIN_EMAIL")?,
            admin_password: variable("ADMIN_PASSWORD")?,
            given: Given::from_env()?,
            console: if self.verbose { Console::Verbose } else { Console::News },
            ..Options::new(data_dir)?
        })
    }
}

/// The project's own folder. This program is always run from where it was built.
pub(crate) fn project() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Cargo puts a test one folder below the programs it tests.
fn beside_this_program() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let folder = program.parent().context("this program is in no folder")?;
    let is_test = folder.ends_with("deps");
    let folder = if is_test { folder.parent() } else { Some(folder) };
    Ok(folder.context("this program is in no folder")?.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        flags: Flags,
    }

    #[test]
    fn nothing_counts_as_none_and_zero_is_no_port() {
        let flags = |words: [&str; 2]| Arguments::try_parse_from(["dev"].into_iter().chain(words)).map(|it| it.flags);
        assert_eq!(flags(["--port", ""]).expect("the usual one").port, PORT);
        assert_eq!(flags(["--port", "9000"]).expect("a port").port, 9000);
        for wrong in ["0", "65536", "http"] {
            assert!(flags(["--port", wrong]).is_err(), "{wrong}");
        }
        let usual = flags(["--data-dir", ""]).expect("the usual one").options().expect("nothing contradicts");
        assert_eq!(usual.data_dir, project().join("var"));
    }
}
