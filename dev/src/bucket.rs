use std::{net::TcpListener, path::Path};

use anyhow::Result;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use tokio::{runtime::Handle, task::JoinHandle};

use crate::{data_dir::DataDir, port::Ports, secret::Secrets, services::BucketAccess, verified::Verified};

/// An S3 server over a folder, inside this process, with one bucket and one key.
pub struct Bucket {
    access: BucketAccess,
    server: JoinHandle<()>,
}

/// The bucket that is there from the start.
pub const BUCKET: &str = "forecourt";
/// The region that clients must sign for.
pub const REGION: &str = "us-east-1";

impl Bucket {
    pub(crate) fn start(data_dir: &DataDir, runtime: &Handle) -> Result<Self> {
        let folder = data_dir.folder("s3")?;
        data_dir.folder(&format!("s3/{BUCKET}"))?;
        let secrets = Secrets::of(data_dir)?;
        let listener = Ports::of(data_dir)?.listener("s3", None)?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let service = service(&folder, &secrets)?;
        Ok(Self {
            access: BucketAccess {
                endpoint,
                region: REGION.to_owned(),
                name: BUCKET.to_owned(),
                access_key_id: secrets.s3_access_key_id,
                secret_access_key: secrets.s3_secret_access_key,
            },
            server: runtime.spawn(serve(into_tokio(listener, runtime)?, service)),
        })
    }

    /// How a client reaches it. The bucket is the first part of the path, not of
    /// the host name.
    #[must_use]
    pub fn access(&self) -> BucketAccess {
        self.access.clone()
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Registers a listener with the runtime that will serve it.
pub(crate) fn into_tokio(listener: TcpListener, runtime: &Handle) -> Result<tokio::net::TcpListener> {
    let _inside = runtime.enter();
    listener.set_nonblocking(true)?;
    Ok(tokio::net::TcpListener::from_std(listener)?)
}

fn service(folder: &Path, secrets: &Secrets) -> Result<S3Service> {
    let files = s3s_fs::FileSystem::new(folder).map_err(|error| anyhow::anyhow!("{}: {error:?}", folder.display()))?;
    let mut builder = S3ServiceBuilder::new(Verified::over(files));
    builder.set_auth(SimpleAuth::from_single(secrets.s3_access_key_id.clone(), secrets.s3_secret_access_key.clone()));
    Ok(builder.build())
}

async fn serve(listener: tokio::net::TcpListener, service: S3Service) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let service = service.clone();
        tokio::spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            let connection = server.serve_connection(TokioIo::new(socket), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an S3 connection ended early");
            }
        });
    }
}
