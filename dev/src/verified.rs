use base64::{Engine, prelude::BASE64_STANDARD};
use futures::TryStreamExt;
use s3s::{
    Body, S3, S3Request, S3Response, S3Result,
    dto::{self, StreamingBlob},
    s3_error,
};
use s3s_fs::FileSystem;
use sha2::{Digest, Sha256};

/// Refuses an upload whose SHA-256 is not the announced one before anything of
/// it is stored, as S3 does.
///
/// s3s-fs 0.14 notices as well, but only once the new bytes have taken the
/// place of the old ones, and leaves them there.
pub(crate) struct Verified {
    files: FileSystem,
}

impl Verified {
    pub(crate) fn over(files: FileSystem) -> Self {
        Self { files }
    }

    async fn put_checked(
        &self,
        mut request: S3Request<dto::PutObjectInput>,
    ) -> S3Result<S3Response<dto::PutObjectOutput>> {
        if let Some(announced) = request.input.checksum_sha256.clone() {
            request.input.body = match request.input.body.take() {
                Some(body) => Some(checked(body, &announced).await?),
                None => None,
            };
        }
        self.files.put_object(request).await
    }
}

/// Everything but `put_object` is handed on as it is.
macro_rules! hand_on {
    ($($operation:ident($input:ident) -> $output:ident;)*) => {
        #[async_trait::async_trait]
        impl S3 for Verified {
            async fn put_object(
                &self,
                request: S3Request<dto::PutObjectInput>,
            ) -> S3Result<S3Response<dto::PutObjectOutput>> {
                self.put_checked(request).await
            }

            $(async fn $operation(
                &self,
                request: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                self.files.$operation(request).await
            })*
        }
    };
}

hand_on! {
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput;
    copy_object(CopyObjectInput) -> CopyObjectOutput;
    create_bucket(CreateBucketInput) -> CreateBucketOutput;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
    get_object(GetObjectInput) -> GetObjectOutput;
    head_bucket(HeadBucketInput) -> HeadBucketOutput;
    head_object(HeadObjectInput) -> HeadObjectOutput;
    list_buckets(ListBucketsInput) -> ListBucketsOutput;
    list_objects(ListObjectsInput) -> ListObjectsOutput;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
    list_parts(ListPartsInput) -> ListPartsOutput;
    upload_part(UploadPartInput) -> UploadPartOutput;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
}

/// Reads the whole body into memory, which is enough for photos and reports;
/// larger things come in parts, whose checksums s3s-fs looks after.
async fn checked(body: StreamingBlob, announced: &str) -> S3Result<StreamingBlob> {
    let whole = body.try_fold(Vec::new(), |mut whole, piece| async move {
        whole.extend_from_slice(&piece);
        Ok(whole)
    });
    let whole = whole.await.map_err(|_| s3_error!(IncompleteBody))?;
    let found = BASE64_STANDARD.encode(Sha256::digest(&whole));
    if found != announced {
        return Err(s3_error!(BadDigest, "the SHA-256 is {found}, not {announced}"));
    }
    Ok(StreamingBlob::from(Body::from(whole)))
}
