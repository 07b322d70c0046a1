//! A body that is counted, and handed on one piece at a time.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::Stream;

/// Whether a body went over its limit.
#[derive(Clone, Default)]
pub(super) struct Overflow(Arc<AtomicBool>);

impl Overflow {
    pub(super) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The form parser (multer 3.1) takes whatever is ready into its memory before it looks
/// at it: a fast client would fill ours. So nothing is ready right after a piece was taken.
pub(super) struct Paced {
    body: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    left: u64,
    rest: bool,
    overflow: Overflow,
}

impl Paced {
    pub(super) fn new(body: impl Stream<Item = io::Result<Bytes>> + Send + 'static, limit: u64) -> (Self, Overflow) {
        let overflow = Overflow::default();
        (Self { body: Box::pin(body), left: limit, rest: false, overflow: overflow.clone() }, overflow)
    }

    fn count(&mut self, piece: Bytes) -> io::Result<Bytes> {
        match self.left.checked_sub(piece.len() as u64) {
            Some(left) => {
                self.left = left;
                Ok(piece)
            }
            None => {
                self.overflow.0.store(true, Ordering::Relaxed);
                Err(io::Error::other("it is too large"))
            }
        }
    }
}

impl Stream for Paced {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if std::mem::take(&mut self.rest) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = std::task::ready!(self.body.as_mut().poll_next(cx));
        self.rest = true;
        Poll::Ready(piece.map(|piece| piece.and_then(|piece| self.count(piece))))
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt, stream};

    use super::*;

    fn paced(limit: u64) -> (Paced, Overflow) {
        let pieces = ["abc", "def", "ghi"].map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
        Paced::new(stream::iter(pieces), limit)
    }

    #[test]
    fn after_each_piece_there_is_a_rest() {
        let (mut body, _) = paced(9);
        assert!(body.next().now_or_never().is_some());
        assert!(body.next().now_or_never().is_none());
        assert!(body.next().now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_body_over_its_limit_ends_with_an_error_that_can_be_told() {
        let (body, overflow) = paced(8);
        let pieces: Vec<_> = body.collect().await;
        assert!(pieces[1].is_ok() && pieces[2].is_err());
        assert!(overflow.happened());
        let (body, overflow) = paced(9);
        assert!(body.collect::<Vec<_>>().await.iter().all(Result::is_ok));
        assert!(!overflow.happened());
    }
}
