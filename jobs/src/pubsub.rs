//! A Redis pub/sub subscription (fred) that outlives every outage of Redis.

use std::time::Duration;

use fred::{clients::SubscriberClient, prelude::*};
use tokio::sync::broadcast::error::RecvError;

/// A client builder that reconnects for ever and never waits long.
///
/// # Errors
/// When `url` is no Redis URL.
pub fn builder(url: &str) -> Result<Builder, fred::error::Error> {
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
    drop(subscriber.connect());
    drop(subscriber.manage_subscriptions());
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
