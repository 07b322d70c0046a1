use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, TcpListener},
};

use anyhow::{Context, Result};

use crate::data_dir::DataDir;

const FILE: &str = "ports.json";

/// Below the range from which Linux gives outgoing connections their numbers
/// (32768 and up), so that none of those takes a port between our look and the
/// server's start.
const RANGE: std::ops::Range<u16> = 15_000..32_000;

/// The port numbers of one data folder: each name keeps its number from one
/// start to the next as long as nobody else has taken it meanwhile, and no
/// other is wished for.
pub struct Ports<'a> {
    data_dir: &'a DataDir,
    chosen: BTreeMap<String, u16>,
}

impl<'a> Ports<'a> {
    /// # Errors
    /// The numbers chosen before cannot be read.
    pub fn of(data_dir: &'a DataDir) -> Result<Self> {
        let chosen = data_dir.load(FILE)?.unwrap_or_default();
        Ok(Self { data_dir, chosen })
    }

    /// A listener of this process, on `wish`, else on the number that the name
    /// had before, else on any.
    ///
    /// # Errors
    /// No port is free, or the choice cannot be written down.
    pub fn listener(&mut self, name: &str, wish: Option<u16>) -> Result<TcpListener> {
        let before = self.chosen.get(name).copied();
        let listener = wish
            .into_iter()
            .chain(before)
            .chain(std::iter::repeat_with(|| rand::random_range(RANGE)).take(1000))
            .filter(|port| !self.belongs_to_another(name, *port))
            .find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
            .context("no free port on 127.0.0.1")?;
        self.keep(name, listener.local_addr()?.port())?;
        Ok(listener)
    }

    /// A number for another process to listen on. It is free now; nothing holds
    /// it until that process has started.
    ///
    /// # Errors
    /// As [`Self::listener`].
    pub fn number(&mut self, name: &str) -> Result<u16> {
        Ok(self.listener(name, None)?.local_addr()?.port())
    }

    fn belongs_to_another(&self, name: &str, port: u16) -> bool {
        let mut others = self.chosen.iter().filter(|(other, _)| *other != name);
        others.any(|(_, taken)| *taken == port)
    }

    fn keep(&mut self, name: &str, port: u16) -> Result<()> {
        if self.chosen.insert(name.to_owned(), port) == Some(port) {
            return Ok(());
        }
        self.data_dir.save(FILE, &self.chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_counts_more_than_the_number_before_unless_it_is_taken() {
        let data_dir = DataDir::scratch().expect("a folder for the test");
        let mut ports = Ports::of(&data_dir).expect("no numbers yet");
        let mut number = |wish| {
            let listener = ports.listener("mail", wish).expect("a free port");
            listener.local_addr().expect("it listens").port()
        };
        let first = number(None);
        assert_eq!(number(None), first);
        let wished = (first + 1..).find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
        assert_eq!(Some(number(wished)), wished);
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).expect("it was left");
        assert_eq!(Some(number(Some(first))), wished, "that of before");
        drop(taken);
    }
}
