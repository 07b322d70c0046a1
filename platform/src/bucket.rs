//! The bucket: originals and derivatives of photos, behind any S3.

use std::{path::Path, time::Duration};

use anyhow::Context;
use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Builder, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
        timeout::TimeoutConfig,
    },
    presigning::PresigningConfig,
    primitives::ByteStream,
};
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};

use crate::settings::{Reader, Secret};

/// How long a presigned address is good for.
pub const PRESIGNED_FOR: Duration = Duration::from_secs(600);

/// Where the bucket is and who may use it.
#[derive(Clone, Debug)]
pub struct BucketSettings {
    /// `S3_ENDPOINT`; absent for AWS itself.
    pub endpoint: Option<String>,
    /// `S3_REGION`.
    pub region: String,
    /// `S3_BUCKET`.
    pub name: String,
    /// `S3_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `S3_SECRET_ACCESS_KEY`.
    pub secret_access_key: Secret<String>,
}

impl BucketSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            endpoint: reader.optional_url("S3_ENDPOINT", &["https", "http"]),
            region: reader.or("S3_REGION", "us-east-1".to_owned()),
            name: reader.required("S3_BUCKET"),
            access_key_id: reader.required("S3_ACCESS_KEY_ID"),
            secret_access_key: reader.required("S3_SECRET_ACCESS_KEY"),
        }
    }
}

/// The one bucket of the house.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    name: String,
}

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub key: String,
    /// When it was put there, by the bucket's clock.
    pub modified: DateTime<Utc>,
}

/// An object that nobody should read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    pub limit: u64,
}

impl std::fmt::Display for TooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the object is larger than {} bytes", self.limit)
    }
}

impl std::error::Error for TooLarge {}

/// What a client must send so that its upload is accepted.
#[derive(Clone, Debug)]
pub struct Presigned {
    pub url: String,
    pub method: String,
    pub headers: Vec<(String, String)>,
}

impl Bucket {
    pub fn new(settings: &BucketSettings) -> Self {
        let key =
            Credentials::new(&settings.access_key_id, settings.secret_access_key.expose(), None, None, "settings");
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(Duration::from_secs(20))
            .operation_timeout(Duration::from_secs(45))
            .build();
        let mut config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(settings.region.clone()))
            .credentials_provider(key)
            // Many S3 servers know neither virtual hosts nor the newer checksums.
            .force_path_style(true)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .timeout_config(timeouts);
        config.set_endpoint_url(settings.endpoint.clone());
        Self { client: Client::from_conf(config.build()), name: settings.name.clone() }
    }

    /// Stores an object. A repeat with the same key and bytes changes nothing.
    ///
    /// # Errors
    /// When the bucket does not take it.
    pub async fn put(&self, key: &str, content_type: &str, body: impl Into<ByteStream>) -> anyhow::Result<()> {
        let put = self.client.put_object().bucket(&self.name).key(key).content_type(content_type).body(body.into());
        put.send().await.with_context(|| format!("put {key}"))?;
        Ok(())
    }

    /// Stores a file of at most a few megabytes, without reading it into memory.
    ///
    /// # Errors
    /// When the file cannot be read or the bucket does not take it.
    pub async fn put_file(&self, key: &str, content_type: &str, file: &Path) -> anyhow::Result<()> {
        let body = ByteStream::from_path(file).await.with_context(|| format!("open what goes to {key}"))?;
        self.put(key, content_type, body).await
    }

    /// The whole object, or `None` when there is none of that key. No more than `limit` bytes are kept of it, whatever the
    /// bucket says of its length.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn get(&self, key: &str, limit: u64) -> anyhow::Result<Option<Result<Bytes, TooLarge>>> {
        let got = self.client.get_object().bucket(&self.name).key(key).send().await;
        let object = match got {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("get {key}")),
        };
        let length = object.content_length().and_then(|length| u64::try_from(length).ok());
        let read = within(limit, length, object.body).await;
        Ok(Some(read.with_context(|| format!("read {key}"))?))
    }

    /// Copies an object inside the bucket. A repeat changes nothing.
    ///
    /// # Errors
    /// When the bucket does not answer, or has no object of that key.
    pub async fn copy(&self, from: &str, to: &str) -> anyhow::Result<()> {
        // Our keys need no escapes.
        let copy = self.client.copy_object().copy_source(format!("{}/{from}", self.name)).bucket(&self.name).key(to);
        copy.send().await.with_context(|| format!("copy {from} to {to}"))?;
        Ok(())
    }

    /// The size of an object in bytes, or `None` when there is none of that key.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn size(&self, key: &str) -> anyhow::Result<Option<u64>> {
        match self.client.head_object().bucket(&self.name).key(key).send().await {
            Ok(head) => Ok(Some(u64::try_from(head.content_length().unwrap_or_default()).unwrap_or_default())),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("head {key}")),
        }
    }

    /// An address to which a client may PUT one object for ten minutes.
    ///
    /// The type of the content is not signed: `curl -T photo.jpg URL` sends none, and what
    /// the bytes are is found out from the bytes.
    ///
    /// # Errors
    /// When the key cannot be signed.
    pub async fn presigned_put(&self, key: &str) -> anyhow::Result<Presigned> {
        let presigning = PresigningConfig::expires_in(PRESIGNED_FOR)?;
        let put = self.client.put_object().bucket(&self.name).key(key);
        let request = put.presigned(presigning).await?;
        Ok(Presigned {
            url: request.uri().to_owned(),
            method: request.method().to_owned(),
            headers: request.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        })
    }

    /// An address at which an object can be fetched for ten minutes.
    ///
    /// It is served as `content_type`, whatever the one who uploaded it said it was.
    ///
    /// # Errors
    /// When the key cannot be signed.
    pub async fn presigned_get(&self, key: &str, content_type: &str) -> anyhow::Result<String> {
        let presigning = PresigningConfig::expires_in(PRESIGNED_FOR)?;
        let get = self.client.get_object().bucket(&self.name).key(key).response_content_type(content_type);
        Ok(get.presigned(presigning).await?.uri().to_owned())
    }

    /// The objects whose keys begin with `prefix` and come after `after`, in the order of their keys, at most `limit`.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn list(&self, prefix: &str, after: Option<&str>, limit: i32) -> anyhow::Result<Vec<Listed>> {
        let list = self.client.list_objects_v2().bucket(&self.name).prefix(prefix).max_keys(limit);
        let page =
            list.set_start_after(after.map(str::to_owned)).send().await.with_context(|| format!("list {prefix}"))?;
        let listed = page.contents().iter().filter_map(|object| {
            let modified = DateTime::from_timestamp(object.last_modified()?.secs(), 0)?;
            Some(Listed { key: object.key()?.to_owned(), modified })
        });
        Ok(listed.collect())
    }

    /// Forgets an object.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn delete(&self, key: &str) -> anyhow::Result<()> {
        let delete = self.client.delete_object().bucket(&self.name).key(key);
        delete.send().await.with_context(|| format!("delete {key}"))?;
        Ok(())
    }
}

/// Reads a body to its end, or until it is found to be larger than `limit` bytes. `length` is what was announced, if anything was.
async fn within(limit: u64, length: Option<u64>, mut body: ByteStream) -> anyhow::Result<Result<Bytes, TooLarge>> {
    if length.is_some_and(|length| length > limit) {
        return Ok(Err(TooLarge { limit }));
    }
    let mut read = BytesMut::with_capacity(usize::try_from(length.unwrap_or_default())?);
    while let Some(piece) = body.try_next().await? {
        if u64::try_from(read.len() + piece.len())? > limit {
            return Ok(Err(TooLarge { limit }));
        }
        read.extend_from_slice(&piece);
    }
    Ok(Ok(read.freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_without_a_length_is_read_up_to_the_limit_and_no_further() {
        let body = || ByteStream::from_static(b"twelve bytes");
        for length in [None, Some(12)] {
            assert_eq!(within(12, length, body()).await.unwrap().unwrap(), "twelve bytes");
            assert_eq!(within(11, length, body()).await.unwrap(), Err(TooLarge { limit: 11 }));
        }
    }
}
