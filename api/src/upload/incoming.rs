//! A form on its way in.

use std::time::Duration;

use poem::{Body, FromRequest, Request, RequestBody, web::Multipart};
use rules::{photo::Limits, problem};
use tokio::{
    io::AsyncRead,
    sync::{Semaphore, SemaphorePermit},
};

use super::{
    Handover, Received, Statement,
    paced::{Gauge, Paced},
};
use crate::error::ApiError;

/// Room for the other parts than photos, and what stands between them.
pub(super) const PARTS_LIMIT: u64 = 64 * 1024;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(300);
/// Forms that one front receives at a time. Each takes some hundred kilobytes of memory, and as much of the disk as its photos.
const AT_A_TIME: usize = 64;
static ROOM: Semaphore = Semaphore::const_new(AT_A_TIME);
/// How long one more waits for its turn.
const TURN: Duration = Duration::from_secs(20);
/// A form has at most eight parts; some more may be wrong and told so, but not any number of them.
pub(super) const MOST_PARTS: usize = 16;

/// A form whose body has not been read yet, so that who asks can be checked first.
pub(crate) struct Incoming {
    parts: Multipart,
    most_photos: u64,
    gauge: Gauge,
}

impl Incoming {
    /// # Errors
    /// When the length says already that it is too large for so many photos, or the form has no boundary.
    pub(crate) async fn open(request: &Request, body: &mut RequestBody, most_photos: u64) -> poem::Result<Self> {
        let limit = most_photos * Limits::default().max_bytes + PARTS_LIMIT;
        let length =
            request.headers().get("content-length").and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > limit) {
            return Err(too_large(most_photos).into());
        }
        Self::begin(request, body, most_photos).await
    }

    /// The same however long it says to be: what stands before too much can be read all the same.
    ///
    /// # Errors
    /// When the form has no boundary.
    pub(crate) async fn begin(request: &Request, body: &mut RequestBody, most_photos: u64) -> poem::Result<Self> {
        let limit = most_photos * Limits::default().max_bytes + PARTS_LIMIT;
        let (paced, gauge) = Paced::new(body.take()?.into_bytes_stream(), limit);
        let mut body = RequestBody::new(Body::from_bytes_stream(paced));
        Ok(Self { parts: Multipart::from_request(request, &mut body).await?, most_photos, gauge })
    }

    /// Reads what the instruments show and the photos of the sides.
    ///
    /// # Errors
    /// Everything that is wrong with the parts, at once; or that the body is too large, too slow or broken off.
    pub(crate) async fn receive(self) -> Result<Handover, ApiError> {
        let mut received = Received::default();
        self.read(&mut received).await?;
        received.finish()
    }

    /// Reads what somebody says, with the photos that belong to it.
    ///
    /// # Errors
    /// When the body is too large, too slow or broken off; [`Statement::check`] tells what is wrong with its parts.
    pub(crate) async fn receive_statement(self) -> Result<Statement, ApiError> {
        let (statement, read) = self.receive_so_far().await;
        read.map(|()| statement)
    }

    /// The same as far as it can be read, with why not to its end.
    pub(crate) async fn receive_so_far(self) -> (Statement, Result<(), ApiError>) {
        let mut statement = Statement::default();
        let read = self.read(&mut statement).await;
        (statement, read)
    }

    async fn read(self, received: &mut impl Parts) -> Result<(), ApiError> {
        let _turn = turn(&ROOM, TURN).await?;
        let late = |_| ApiError::new(problem::REQUEST_TIMEOUT, "Please try again, or send smaller photos.");
        tokio::time::timeout(PATIENCE, self.read_parts(received)).await.map_err(late)?
    }

    async fn read_parts<P: Parts>(mut self, received: &mut P) -> Result<(), ApiError> {
        let mut count = 0;
        loop {
            self.gauge.seek();
            let next = self.parts.next_field().await;
            self.gauge.found();
            match next {
                Ok(Some(_)) if count == P::MOST => {
                    return Err(ApiError::new(problem::BAD_REQUEST, "The form has too many parts."));
                }
                Ok(Some(part)) => {
                    count += 1;
                    let name = part.name().unwrap_or_default().to_owned();
                    let taken = received.take(&name, Box::pin(part.into_async_read())).await;
                    taken.map_err(|error| self.broken_off(&error))?;
                }
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.broken_off(&error)),
            }
        }
    }

    fn broken_off(&self, error: &dyn std::fmt::Display) -> ApiError {
        if self.gauge.overflowed() {
            return too_large(self.most_photos);
        }
        ApiError::new(problem::BAD_REQUEST, format!("The form could not be read to its end: {error}"))
    }
}

/// A place among those that are received.
async fn turn(room: &Semaphore, patience: Duration) -> Result<SemaphorePermit<'_>, ApiError> {
    let busy = |_| ApiError::new(problem::SERVICE_UNAVAILABLE, "Many people send photos at once. Please try again.");
    tokio::time::timeout(patience, room.acquire()).await.map_err(busy)?.map_err(ApiError::internal)
}

fn too_large(most_photos: u64) -> ApiError {
    ApiError::new(problem::BODY_TOO_LARGE, format!("Send at most {most_photos} photos of 15 MB each."))
}

/// What the parts of a form come to.
pub(super) trait Parts: Default + Send {
    /// How many may come.
    const MOST: usize = MOST_PARTS;

    /// Reads one part to its end, also when it is of no use: the client shall hear of all that is wrong.
    fn take(
        &mut self,
        name: &str,
        part: impl AsyncRead + Send + Unpin,
    ) -> impl Future<Output = std::io::Result<()>> + Send;
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use futures::StreamExt;

    use super::*;

    /// What a form of these pieces comes to, and how many of them were read.
    async fn sent(pieces: impl Iterator<Item = Vec<u8>> + Send + 'static) -> (Result<Handover, ApiError>, usize) {
        let read = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&read);
        let pieces = futures::stream::iter(pieces).map(move |piece| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(piece)
        });
        let request = Request::builder().content_type("Multipart/Form-Data; boundary=X").finish();
        let mut body = RequestBody::new(Body::from_bytes_stream(pieces));
        let form = Incoming::open(&request, &mut body, 4).await.unwrap().receive().await;
        (form, read.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_form_whose_next_part_does_not_begin_is_given_up_early() {
        let kilobytes = || std::iter::repeat_n(vec![b'x'; 1_000], 8_000);
        let endless_head = std::iter::once(b"--X\r\nContent-Disposition: ".to_vec()).chain(kilobytes());
        let whole_part = b"--X\r\nContent-Disposition: form-data; name=\"fuel\"\r\n\r\n1\r\n--X".to_vec();
        let after_a_part = std::iter::once(whole_part).chain(kilobytes());
        for (form, read) in [sent(kilobytes()).await, sent(endless_head).await, sent(after_a_part).await] {
            let refused = form.err().unwrap();
            assert_eq!(refused.problem.code, "bad_request");
            assert!(read < 60, "{read} pieces were read: {refused:?}");
        }
    }

    #[tokio::test]
    async fn a_form_that_comes_byte_by_byte_is_read_as_one_that_comes_at_once() {
        let part = |name: &str, content: &str| {
            format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
        };
        let head = "--X\r\nContent-Disposition: form-data; name=\"left\"; filename=\"left.jpg\"\r\n\r\n";
        let mut whole = format!("{}{}{head}", part("odometer", "12"), part("fuel", "1")).into_bytes();
        whole.extend(b"\xff\xd8\xff".iter().chain(&[7; 100_000]).chain(b"\r\n--X--\r\n"));
        for size in [1, 1_000, usize::MAX] {
            let pieces: Vec<_> = whole.chunks(size).map(<[u8]>::to_vec).collect();
            let form = sent(pieces.into_iter()).await.0.unwrap();
            assert_eq!((form.odometer, form.photos[0].1.size), (12, 100_003));
        }
    }

    #[tokio::test]
    async fn whoever_gets_no_turn_is_told_to_come_again() {
        let room = Semaphore::new(1);
        let taken = turn(&room, Duration::ZERO).await.unwrap();
        assert_eq!(turn(&room, Duration::from_millis(1)).await.unwrap_err().problem.code, "service_unavailable");
        drop(taken);
        assert!(turn(&room, Duration::from_millis(1)).await.is_ok());
    }
}
