//! Connections to Redis (fred) that outlive every outage of it, and subscriptions over them.

use std::time::Duration;

use fred::{clients::SubscriberClient, prelude::*};
use tokio::sync::broadcast::error::RecvError;

/// How often a connection is asked whether it still answers.
const ASKED_EVERY: Duration = Duration::from_secs(2);

/// A client that connects in the background, reconnects for ever and never waits long.
///
/// # Errors
/// When `url` is no Redis URL.
pub fn connect(url: &str) -> Result<Client, fred::error::Error> {
    let client = builder(url)?.build()?;
    keep(&client);
    Ok(client)
}

fn builder(url: &str) -> Result<Builder, fred::error::Error> {
    let mut builder = Builder::from_config(Config::from_url(url)?);
    builder.set_policy(ReconnectPolicy::new_linear(0, 1_000, 100));
    builder.with_connection_config(|connection| {
        connection.connection_timeout = Duration::from_secs(5);
        connection.internal_command_timeout = Duration::from_secs(5);
    });
    builder.with_performance_config(|performance| {
        performance.default_command_timeout = Duration::from_secs(2);
    });
    Ok(builder)
}

/// Connects now and whenever the connection is lost, or answers nothing any more.
fn keep<C: ClientLike + 'static>(client: &C) {
    drop(client.connect());
    tokio::spawn(watch(client.clone()));
}

/// A server that is gone without a word (a failover, a firewall that forgets) answers nothing on the connections that it had, for
/// ever, and answers new ones. Nothing else finds out: a subscriber never asks anything, and fred's own `unresponsive` counts from
/// the latest write, so whoever goes on asking puts it off.
async fn watch<C: ClientLike>(client: C) {
    loop {
        tokio::time::sleep(ASKED_EVERY).await;
        if !client.is_connected() {
            continue;
        }
        let pinged = client.ping::<Value>(None).await;
        // Any other error is an answer, or known to the client.
        if pinged.is_err_and(|error| *error.kind() == ErrorKind::Timeout) {
            tracing::debug!("Redis does not answer on a connection; another is made");
            let _ = client.force_reconnection().await;
        }
    }
}

/// Calls `hear` for every message on `channel`, from now until the process ends.
/// Messages sent while the connection is down are lost.
///
/// # Errors
/// When `url` is no Redis URL.
pub(crate) fn subscribe(
    url: &str,
    channel: String,
    hear: impl Fn(&fred::types::Message) + Send + 'static,
) -> anyhow::Result<()> {
    let subscriber = builder(url)?.build_subscriber_client()?;
    tokio::spawn(listen(subscriber, channel, hear));
    Ok(())
}

async fn listen(subscriber: SubscriberClient, channel: String, hear: impl Fn(&fred::types::Message) + Send) {
    let mut messages = subscriber.message_rx();
    drop(subscriber.manage_subscriptions());
    keep(&subscriber);
    while let Err(error) = subscriber.subscribe(channel.as_str()).await {
        tracing::debug!(%error, channel, "not subscribed yet");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    loop {
        match messages.recv().await {
            Ok(message) => hear(&message),
            Err(RecvError::Lagged(missed)) => tracing::warn!(missed, channel, "messages were missed"),
            Err(RecvError::Closed) => return,
        }
    }
}
