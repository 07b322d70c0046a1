//! Accepting bookings: the answer says that the request will not be lost.

use std::net::SocketAddr;

use anyhow::Result;
use async_trait::async_trait;
use serde_json::json;

use super::{Aim, Benchmark, Metric, figure, metric};
use crate::{
    figure::Figures,
    ground::{CUSTOMERS, Ground, slot, tokens},
    load::Load,
    peer::Peer,
    running::free_address,
};

pub(super) struct Accept;

#[async_trait(?Send)]
impl Benchmark for Accept {
    fn name(&self) -> &'static str {
        "accept"
    }

    fn about(&self) -> &'static str {
        "accepting bookings over HTTP, 32 connections: a committed row, against a job in a Redis that keeps nothing"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![
            metric("rate", "/s", Aim::Times(6.0)),
            metric("p50", "ms", Aim::None),
            metric("p99", "ms", Aim::Lower),
            metric("front peak", "MB", Aim::None),
        ]
    }

    async fn ours(&self, ground: &Ground) -> Result<Figures> {
        let house = ground.house().await?;
        let (front, address) = house.start("api").await?;
        let mut figures = book(ground, address, "Prefer: respond-async\r\n", 202).await?;
        figures.push(figure("front peak", front.megabytes("VmHWM")?));
        front.stop().await?;
        house.close().await?;
        Ok(figures)
    }

    async fn theirs(&self, ground: &Ground, peer: &Peer) -> Result<Option<Figures>> {
        let address = free_address()?;
        let mut server = peer.serve("server.js", address.port()).await?;
        server.ready(address, Some("/health")).await?;
        let mut figures = load(ground, address).run(202, |_, number| post("/bookings", "", number)).await?;
        figures.push(figure("front peak", server.megabytes("VmHWM")?));
        server.stop().await?;
        Ok(Some(figures))
    }
}

pub(super) fn load(ground: &Ground, address: SocketAddr) -> Load {
    Load { address, connections: CUSTOMERS, warm_up: ground.warm_up(), measured: ground.measured }
}

/// Every client books in its own name, each time under a new key.
pub(super) async fn book(ground: &Ground, address: SocketAddr, prefer: &'static str, status: u16) -> Result<Figures> {
    let tokens = tokens()?;
    let load = load(ground, address);
    load.run(status, move |client, number| {
        let headers = format!("Authorization: Bearer {}\r\nIdempotency-Key: {number}\r\n{prefer}", tokens[client]);
        let (car, start, end) = slot(number);
        let body = json!({ "carId": car, "startDate": start, "endDate": end }).to_string();
        request("/api/v1/bookings", &headers, &body)
    })
    .await
}

fn post(path: &str, headers: &str, number: u64) -> String {
    let (car, start, end) = slot(number);
    request(path, headers, &json!({ "carId": car, "start": start, "end": end }).to_string())
}

fn request(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}
