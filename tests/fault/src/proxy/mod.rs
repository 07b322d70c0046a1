//! A TCP proxy that can be put between any two parts, and made to fail them.

mod relay;
mod strike;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

pub use strike::{Mark, Strike, When};

/// How bytes travel at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Clear,
    /// Every chunk of bytes takes this much longer, in both directions.
    Slow(Duration),
    /// Nothing travels, and nobody is told; what was sent arrives when the weather clears.
    BlackHole,
    /// Connections are reset as they come.
    Refuse,
}

/// One link between two parts.
pub struct Proxy {
    port: u16,
    link: Arc<Link>,
    server: JoinHandle<()>,
}

struct Link {
    target: SocketAddr,
    weather: watch::Sender<Weather>,
    /// Changes when every connection is to be cut.
    cuts: watch::Sender<u64>,
    strike: Mutex<Option<Strike>>,
    struck: AtomicU64,
}

impl Link {
    fn strike(&self) -> MutexGuard<'_, Option<Strike>> {
        self.strike.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// A proxy on a port of its own to one on this machine.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let link = Arc::new(Link {
            target: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            weather: watch::Sender::new(Weather::Clear),
            cuts: watch::Sender::new(0),
            strike: Mutex::default(),
            struck: AtomicU64::new(0),
        });
        let port = listener.local_addr()?.port();
        let server = tokio::spawn(relay::serve(listener, link.clone()));
        Ok(Self { port, link, server })
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn weather(&self, weather: Weather) {
        self.link.weather.send_replace(weather);
    }

    /// Resets every connection that is open now.
    pub fn cut(&self) {
        self.link.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// From now on, breaks the connection at some of the requests that carry a mark.
    pub fn strike(&self, strike: Strike) {
        *self.link.strike() = Some(strike);
    }

    /// Everything travels as it should again.
    pub fn clear(&self) {
        *self.link.strike() = None;
        self.weather(Weather::Clear);
    }

    /// How many connections were broken at a mark.
    #[must_use]
    pub fn struck(&self) -> u64 {
        self.link.struck.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
        self.cut();
    }
}
