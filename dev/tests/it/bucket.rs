use std::time::Duration;

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation},
    presigning::{PresignedRequest, PresigningConfig},
    primitives::ByteStream,
    types::ChecksumMode,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use crate::bucket_and_inbox;

const PHOTO: &[u8] = b"not really a photo, but bytes all the same";

#[tokio::test]
async fn what_is_put_is_got_back_with_its_type_and_checksum() {
    let (_data_dir, services) = bucket_and_inbox().await;
    let client = client(&services.bucket());
    let put = client.put_object().bucket("forecourt").key("a/front.jpg");
    let put = put.content_type("image/jpeg").checksum_sha256(sha256(PHOTO));
    put.body(ByteStream::from_static(PHOTO)).send().await.unwrap();

    let head = client.head_object().bucket("forecourt").key("a/front.jpg");
    let head = head.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();

    assert_eq!(head.content_length(), Some(PHOTO.len() as i64));
    assert_eq!(head.content_type(), Some("image/jpeg"));
    assert_eq!(head.checksum_sha256(), Some(&*sha256(PHOTO)));
    services.stop().await;
}

#[tokio::test]
async fn a_presigned_upload_takes_exactly_what_was_announced() {
    let (_data_dir, services) = bucket_and_inbox().await;
    let client = client(&services.bucket());
    let request = presigned_put(&client, "b/front.jpg").await;

    let other = vec![b'x'; PHOTO.len()];
    assert_eq!(send(&request, other).await, 400, "other bytes of the same length");
    assert!(send(&request, PHOTO[1..].to_vec()).await >= 400, "a shorter body");
    let bare = reqwest::Client::new().put(request.uri()).body(PHOTO);
    assert!(bare.send().await.unwrap().status().is_client_error(), "no signed headers");
    assert!(get(&client, "b/front.jpg").await.is_none(), "nothing of it is kept");

    assert_eq!(send(&request, PHOTO.to_vec()).await, 200);
    assert_eq!(send(&request, vec![b'x'; PHOTO.len()]).await, 400);
    assert_eq!(get(&client, "b/front.jpg").await.unwrap(), PHOTO);
    services.stop().await;
}

#[tokio::test]
async fn a_presigned_download_needs_no_key_and_a_stranger_gets_nothing() {
    let (_data_dir, services) = bucket_and_inbox().await;
    let client = client(&services.bucket());
    let put = client.put_object().bucket("forecourt").key("c.bin");
    put.body(ByteStream::from_static(PHOTO)).send().await.unwrap();
    let get = client.get_object().bucket("forecourt").key("c.bin");
    let signed = get.presigned(for_a_minute()).await.unwrap();

    let answer = reqwest::get(signed.uri()).await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), PHOTO);
    let (unsigned, _) = signed.uri().split_once('?').unwrap();
    assert_eq!(reqwest::get(unsigned).await.unwrap().status(), 403);
    services.stop().await;
}

fn client(access: &dev::BucketAccess) -> Client {
    let keys = Credentials::new(&access.access_key_id, &access.secret_access_key, None, None, "dev");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&access.endpoint)
        .region(Region::new(access.region.clone()))
        .credentials_provider(keys)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .force_path_style(true);
    Client::from_conf(config.build())
}

async fn presigned_put(client: &Client, key: &str) -> PresignedRequest {
    let put = client.put_object().bucket("forecourt").key(key);
    let put = put.content_type("image/jpeg").content_length(PHOTO.len() as i64);
    let put = put.checksum_sha256(sha256(PHOTO));
    put.presigned(for_a_minute()).await.unwrap()
}

fn for_a_minute() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()
}

/// Sends the body with the headers that were signed; returns the status.
async fn send(request: &PresignedRequest, body: Vec<u8>) -> u16 {
    let mut put = reqwest::Client::new().put(request.uri()).body(body);
    for (name, value) in request.headers() {
        if name != "content-length" {
            put = put.header(name, value);
        }
    }
    put.send().await.unwrap().status().as_u16()
}

async fn get(client: &Client, key: &str) -> Option<Vec<u8>> {
    let get = client.get_object().bucket("forecourt").key(key);
    let object = get.send().await.ok()?;
    Some(object.body.collect().await.unwrap().to_vec())
}

fn sha256(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(bytes))
}
