//! Carrying bytes both ways, through whatever weather there is.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{Link, Weather, When};

/// As much of what came before as the longest mark may need.
const TAIL: usize = 64;

/// The connection is to be reset, not ended in good order.
struct Broken;

pub(super) async fn serve(listener: TcpListener, link: Arc<Link>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        tokio::spawn(carry(client, link.clone()));
    }
}

async fn carry(client: TcpStream, link: Arc<Link>) {
    let mut cuts = link.cuts.subscribe();
    let connected = async {
        pass(&link).await;
        TcpStream::connect(link.target).await
    };
    let server = tokio::select! {
        _ = cuts.changed() => None,
        server = connected, if *link.weather.borrow() != Weather::Refuse => server.ok(),
        else => None,
    };
    let Some(server) = server else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut asks, to_client) = client.into_split();
    let (mut answers, to_server) = server.into_split();
    let doomed = AtomicBool::new(false);
    let both = async {
        tokio::try_join!(
            requests(&mut asks, to_server, &link, &doomed),
            replies(&mut answers, to_client, &link, &doomed)
        )
    };
    let broken = tokio::select! {
        _ = cuts.changed() => true,
        ended = both => ended.is_err(),
    };
    if broken {
        let _ = (asks.as_ref().set_zero_linger(), answers.as_ref().set_zero_linger());
    }
}

async fn requests(
    from: &mut OwnedReadHalf,
    mut to: OwnedWriteHalf,
    link: &Link,
    doomed: &AtomicBool,
) -> Result<(), Broken> {
    let (mut buffer, mut tail) = (vec![0; 32 * 1024], Vec::new());
    loop {
        let length = from.read(&mut buffer).await.map_err(|_| Broken)?;
        if length == 0 {
            return to.shutdown().await.map_err(|_| Broken);
        }
        let chunk = &buffer[..length];
        let hit = link.strike().as_mut().and_then(|strike| strike.hits(&tail, chunk).then_some(strike.when));
        if hit.is_some() {
            link.struck.fetch_add(1, Ordering::Relaxed);
        }
        match hit {
            Some(When::Before) => return Err(Broken),
            Some(When::After) => doomed.store(true, Ordering::Relaxed),
            None => {}
        }
        tail.extend_from_slice(chunk);
        tail.drain(..tail.len().saturating_sub(TAIL));
        pass(link).await;
        to.write_all(chunk).await.map_err(|_| Broken)?;
    }
}

async fn replies(
    from: &mut OwnedReadHalf,
    mut to: OwnedWriteHalf,
    link: &Link,
    doomed: &AtomicBool,
) -> Result<(), Broken> {
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let length = from.read(&mut buffer).await.map_err(|_| Broken)?;
        // That there is a reply says that the request was carried out.
        if doomed.load(Ordering::Relaxed) {
            return Err(Broken);
        }
        if length == 0 {
            return to.shutdown().await.map_err(|_| Broken);
        }
        pass(link).await;
        to.write_all(&buffer[..length]).await.map_err(|_| Broken)?;
    }
}

/// Waits as long as the weather wants.
async fn pass(link: &Link) {
    let mut weather = link.weather.subscribe();
    let now = *weather.borrow();
    match now {
        Weather::Clear | Weather::Refuse => {}
        Weather::Slow(delay) => tokio::time::sleep(delay).await,
        Weather::BlackHole => {
            let _ = weather.wait_for(|weather| *weather != Weather::BlackHole).await;
        }
    }
}
