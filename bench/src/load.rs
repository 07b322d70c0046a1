//! Clients that keep their connections and ask again as soon as they are answered.
//!
//! They share the machine with what they measure, so they do no more than write
//! a request and read as far as its answer goes.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use futures::future::try_join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::figure::{Figures, percentile};

/// So many clients, for so long.
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// Not counted: compilers, caches and connection pools wake up in it.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

impl Load {
    /// Asks what `request` says (it gets the number of the client and of the request) and
    /// expects this status every time.
    ///
    /// # Errors
    /// An answer of another status, which would make the figures worthless, or a lost connection.
    pub(crate) async fn run(
        &self,
        status: u16,
        request: impl Fn(usize, u64) -> String + Send + Sync + 'static,
    ) -> Result<Figures> {
        let (request, next) = (Arc::new(request), Arc::new(AtomicU64::new(0)));
        let begin = Instant::now() + self.warm_up;
        let end = begin + self.measured;
        let clients = (0..self.connections).map(|client| {
            let (address, request, next) = (self.address, request.clone(), next.clone());
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await?;
                let mut took = Vec::new();
                while Instant::now() < end {
                    let text = request(client, next.fetch_add(1, Ordering::Relaxed));
                    let asked = Instant::now();
                    connection.ask(&text, status).await?;
                    if asked >= begin && Instant::now() <= end {
                        took.push(asked.elapsed().as_secs_f64() * 1000.0);
                    }
                }
                anyhow::Ok(took)
            })
        });
        let took = try_join_all(clients).await?.into_iter().collect::<Result<Vec<_>>>()?;
        let mut took = took.concat();
        took.sort_by(f64::total_cmp);
        Ok(vec![
            ("rate".to_owned(), took.len() as f64 / self.measured.as_secs_f64()),
            ("p50".to_owned(), percentile(&took, 0.5)),
            ("p99".to_owned(), percentile(&took, 0.99)),
        ])
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    async fn ask(&mut self, request: &str, wanted: u16) -> Result<()> {
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        let head = loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            if let Some(at) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let (status, length) = parse(&self.buffer[..head])?;
        while self.buffer.len() < head + length {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
        }
        if status != wanted {
            bail!("answered {status} instead of {wanted}: {}", String::from_utf8_lossy(&self.buffer));
        }
        Ok(())
    }
}

/// The status and the length of the body.
fn parse(head: &[u8]) -> Result<(u16, usize)> {
    let head = std::str::from_utf8(head)?;
    let status = head.split(' ').nth(1).context("no status line")?.parse()?;
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let mut length =
        headers.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, value)| value.trim());
    let length = length.next().context("an answer without Content-Length")?.parse()?;
    Ok((status, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_length_are_read_whatever_the_case_of_the_name() {
        let head = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\ncontent-length: 17\r\n\r\n";
        assert_eq!(parse(head).unwrap(), (202, 17));
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
