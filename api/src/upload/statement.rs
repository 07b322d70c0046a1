//! What a customer says against a damage, with photos.

use entity::{damage_case::DisputePhoto, upload};
use platform::Bucket;
use rules::{damage::MOST_DISPUTE_PHOTOS, photo::PhotoRefused, problem};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use uuid::Uuid;

use super::{
    incoming::{MOST_PARTS, Parts},
    spool::{self, Spooled},
};
use crate::{account::Reasons, error::ApiError, shape::NUL};

/// Bytes of a text; the longest has 4000 letters.
const LONGEST_TEXT: u64 = 32 * 1024;

/// A form of texts, with photos under the one name `photos`.
#[derive(Default)]
pub(crate) struct Statement {
    texts: Vec<(String, String)>,
    photos: Vec<Result<Spooled, PhotoRefused>>,
}

impl Parts for Statement {
    // What is too much is read away, whatever the number: who chose thirty photos shall hear that five are taken.
    const MOST: usize = usize::MAX;

    async fn take(&mut self, name: &str, mut part: impl AsyncRead + Send + Unpin) -> std::io::Result<()> {
        if name != "photos" {
            if self.texts.len() == MOST_PARTS {
                return spool::drain(&mut part).await;
            }
            let mut text = Vec::new();
            (&mut part).take(LONGEST_TEXT).read_to_end(&mut text).await?;
            self.texts.push((name.to_owned(), String::from_utf8_lossy(&text).into_owned()));
            return spool::drain(&mut part).await;
        }
        if self.photos.len() > MOST_DISPUTE_PHOTOS {
            return spool::drain(&mut part).await;
        }
        match spool::spool(&mut part).await? {
            // A browser sends a part without bytes when no photo was chosen.
            Err(PhotoRefused::Empty) => {}
            photo => self.photos.push(photo),
        }
        Ok(())
    }
}

impl Statement {
    /// The texts by their fields, in the order in which they came.
    pub(crate) fn texts(&self) -> &[(String, String)] {
        &self.texts
    }

    /// # Errors
    /// A text that cannot be kept; or everything that is wrong with the photos, as far as their first bytes and their size
    /// tell.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let mut wrong = Reasons::default();
        for (name, _) in self.texts.iter().filter(|(_, text)| text.contains('\0')) {
            wrong.add(&format!("/{name}"), NUL);
        }
        if !wrong.is_empty() {
            return Err(wrong.into_error());
        }
        if self.photos.len() > MOST_DISPUTE_PHOTOS {
            wrong.add("/photos", format!("Send at most {MOST_DISPUTE_PHOTOS} photos."));
        }
        for (at, refused) in self.photos.iter().enumerate().filter_map(|(at, photo)| Some((at, photo.as_ref().err()?)))
        {
            metrics::counter!("upload_rejected_total", "reason" => refused.as_str()).increment(1);
            wrong.add(&format!("/photos/{at}"), format!("Photo {}: {}", at + 1, refused.sentence()));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(ApiError { problem: problem::PHOTOS_REFUSED, ..wrong.into_error() })
    }

    /// What makes two of them the same under one idempotency key.
    pub(crate) fn fingerprint(&self) -> Value {
        let photos: Vec<_> = self.taken().map(|photo| photo.sha256.as_str()).collect();
        json!({ "texts": self.texts, "photos": photos })
    }

    /// Puts the photos into the bucket.
    ///
    /// `key` is the client's name for the request: a repeat then writes the same objects again
    /// instead of leaving others behind.
    ///
    /// # Errors
    /// When the bucket does not take them.
    pub(crate) async fn store(
        &self,
        bucket: &Bucket,
        case: Uuid,
        key: Option<&str>,
    ) -> Result<Vec<jobs::damage::DisputePhoto>, ApiError> {
        let stored = self.taken().enumerate().map(async |(at, photo)| {
            let photo_id = match key {
                Some(key) => Uuid::new_v5(&case, format!("{at} {} {key}", photo.sha256).as_bytes()),
                None => Uuid::now_v7(),
            };
            let object_key = upload::incoming(&DisputePhoto::key(case, photo_id));
            let content_type = photo.format.as_str().to_owned();
            bucket.put_file(&object_key, &content_type, photo.path()).await?;
            let (size, sha256) = (photo.size, photo.sha256.clone());
            anyhow::Ok(jobs::damage::DisputePhoto { photo_id, object_key, content_type, size, sha256 })
        });
        Ok(futures::future::try_join_all(stored).await?)
    }

    fn taken(&self) -> impl Iterator<Item = &Spooled> {
        self.photos.iter().filter_map(|photo| photo.as_ref().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF and the rest";

    async fn statement(parts: &[(&str, &[u8])]) -> Statement {
        let mut statement = Statement::default();
        for (name, content) in parts {
            statement.take(name, *content).await.unwrap();
        }
        statement
    }

    fn wrong(statement: &Statement) -> (&'static str, Vec<String>) {
        let error = statement.check().unwrap_err();
        (error.problem.code, error.errors.into_iter().map(|reason| reason.pointer).collect())
    }

    #[tokio::test]
    async fn words_and_photos_are_read_and_an_empty_choice_is_none() {
        let form = statement(&[("words", "Grüße".as_bytes()), ("photos", JPEG), ("photos", b"")]).await;
        assert!(form.check().is_ok());
        assert_eq!(form.texts(), [("words".to_owned(), "Grüße".to_owned())]);
        assert_eq!(form.fingerprint()["photos"].as_array().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn five_photos_are_taken_and_a_sixth_refuses_them_all() {
        let mut parts = vec![("photos", JPEG); MOST_DISPUTE_PHOTOS];
        assert!(statement(&parts).await.check().is_ok());
        parts.extend([("photos", JPEG); 30]);
        assert_eq!(wrong(&statement(&parts).await), ("photos_refused", vec!["/photos".to_owned()]));
    }

    #[tokio::test]
    async fn a_text_that_cannot_be_kept_is_told_by_its_name() {
        let form = statement(&[("words", b"a\0b"), ("photos", b"%PDF-1.7")]).await;
        assert_eq!(wrong(&form), ("validation_failed", vec!["/words".to_owned()]));
    }

    #[tokio::test]
    async fn what_is_no_photo_is_told_by_its_place() {
        let form = statement(&[("photos", JPEG), ("photos", b"%PDF-1.7"), ("words", b"W")]).await;
        assert_eq!(wrong(&form), ("photos_refused", vec!["/photos/1".to_owned()]));
    }
}
