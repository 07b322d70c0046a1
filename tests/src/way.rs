use tokio::{
    io::{copy, copy_bidirectional, sink},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A way to a server of this machine that can forget whom it led there, as a firewall or a balancer does.
pub struct Way {
    port: u16,
    forgotten: watch::Sender<()>,
}

impl Way {
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Self { port: listener.local_addr().unwrap().port(), forgotten: watch::Sender::new(()) };
        let forgotten = way.forgotten.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(lead(client, server, forgotten.subscribe()));
            }
        });
        way
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on the connections that are open swallow what is sent, stay open, and bring no answer; new ones work.
    pub fn forget(&self) {
        self.forgotten.send_replace(());
    }
}

async fn lead(mut client: TcpStream, server: u16, mut forgotten: watch::Receiver<()>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => return,
        _ = forgotten.changed() => {}
    }
    let _ = copy(&mut client, &mut sink()).await;
}
