//! A body that is counted, and handed on one piece at a time.
//!
//! The form parser (multer 3.1) takes whatever is ready into its memory before it looks at it: a fast client would fill ours.
//! And until a part begins it keeps all that came and looks through it again with every piece: between two parts only so much
//! may come.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures::Stream;

/// What may stand before a part: the line of the boundary and the part's headers.
const LONGEST_HEAD: u64 = 16 * 1024;
/// Pieces smaller than this are joined while they are there.
const PIECE: usize = 16 * 1024;

/// What the reader of a form and its body tell each other.
#[derive(Clone, Default)]
pub(super) struct Gauge(Arc<Readings>);

#[derive(Default)]
struct Readings {
    overflow: AtomicBool,
    /// Between two parts.
    between: AtomicBool,
    /// Bytes since the last part ended.
    passed: AtomicU64,
}

impl Gauge {
    /// Whether the body went over its limit.
    pub(super) fn overflowed(&self) -> bool {
        self.0.overflow.load(Ordering::Relaxed)
    }

    /// From now on the next part is looked for; the one before was read to its end.
    pub(super) fn seek(&self) {
        self.0.passed.store(0, Ordering::Relaxed);
        self.0.between.store(true, Ordering::Relaxed);
    }

    /// A part has begun.
    pub(super) fn found(&self) {
        self.0.between.store(false, Ordering::Relaxed);
    }

    /// Whether a part should have begun by now. A whole piece may have come since the last one ended, however large: most of it
    /// is the part's own.
    fn is_lost(&self) -> bool {
        self.0.between.load(Ordering::Relaxed) && self.0.passed.load(Ordering::Relaxed) > LONGEST_HEAD
    }
}

/// So that the parser looks at each piece, nothing is ready right after one was taken.
pub(super) struct Paced {
    body: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    /// What came after the pieces that were joined: the body's end, or what broke it.
    end: Option<Option<io::Error>>,
    left: u64,
    rest: bool,
    gauge: Gauge,
}

impl Paced {
    pub(super) fn new(body: impl Stream<Item = io::Result<Bytes>> + Send + 'static, limit: u64) -> (Self, Gauge) {
        let gauge = Gauge::default();
        (Self { body: Box::pin(body), end: None, left: limit, rest: false, gauge: gauge.clone() }, gauge)
    }

    /// The next piece, or as many small ones as are there: each costs the same, and a client may send them of one byte.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut joined = BytesMut::new();
        while joined.len() < PIECE && self.end.is_none() {
            match self.body.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(piece))) if joined.is_empty() && piece.len() >= PIECE => {
                    return Poll::Ready(Some(Ok(piece)));
                }
                Poll::Ready(Some(Ok(piece))) => joined.extend_from_slice(&piece),
                Poll::Ready(end) => self.end = Some(end.and_then(Result::err)),
                Poll::Pending if joined.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        if joined.is_empty() {
            return Poll::Ready(self.end.take().flatten().map(Err));
        }
        Poll::Ready(Some(Ok(joined.freeze())))
    }

    fn count(&mut self, piece: Bytes) -> io::Result<Bytes> {
        let size = piece.len() as u64;
        match self.left.checked_sub(size) {
            Some(left) => {
                self.left = left;
                self.gauge.0.passed.fetch_add(size, Ordering::Relaxed);
                Ok(piece)
            }
            None => {
                self.gauge.0.overflow.store(true, Ordering::Relaxed);
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
        if self.gauge.is_lost() {
            let words = format!("no part begins within {LONGEST_HEAD} bytes");
            return Poll::Ready(Some(Err(io::Error::other(words))));
        }
        let piece = std::task::ready!(self.poll_piece(cx));
        self.rest = true;
        Poll::Ready(piece.map(|piece| piece.and_then(|piece| self.count(piece))))
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt, stream};

    use super::*;

    fn paced(sizes: &[usize], limit: u64) -> (Paced, Gauge) {
        let pieces: Vec<_> = sizes.iter().map(|size| Ok(Bytes::from(vec![7; *size]))).collect();
        Paced::new(stream::iter(pieces), limit)
    }

    #[test]
    fn after_each_piece_there_is_a_rest() {
        let (mut body, _) = paced(&[PIECE, PIECE], 2 * PIECE as u64);
        assert!(body.next().now_or_never().is_some());
        assert!(body.next().now_or_never().is_none());
        assert!(body.next().now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_body_over_its_limit_ends_with_an_error_that_can_be_told() {
        let sizes = [PIECE, PIECE, PIECE];
        let limit = 3 * PIECE as u64;
        let (body, gauge) = paced(&sizes, limit - 1);
        let pieces: Vec<_> = body.collect().await;
        assert!(pieces[1].is_ok() && pieces[2].is_err());
        assert!(gauge.overflowed());
        let (body, gauge) = paced(&sizes, limit);
        assert!(body.collect::<Vec<_>>().await.iter().all(Result::is_ok));
        assert!(!gauge.overflowed());
    }

    #[tokio::test]
    async fn small_pieces_that_are_there_are_joined_and_what_broke_the_body_comes_behind_them() {
        let whole = [1_000; 40];
        let joined: Vec<_> = paced(&whole, 40_000).0.map(|piece| piece.unwrap().len()).collect().await;
        assert_eq!(joined, [17_000, 17_000, 6_000]);
        let pieces = [Ok(Bytes::from_static(b"abc")), Err(io::Error::other("broken"))];
        let told: Vec<_> = Paced::new(stream::iter(pieces), 9).0.collect().await;
        assert!(told[0].is_ok() && told[1].is_err() && told.len() == 2);
    }

    #[tokio::test]
    async fn only_so_much_passes_before_a_part_begins() {
        let (mut body, gauge) = paced(&[PIECE; 8], u64::MAX);
        gauge.seek();
        assert!(body.next().await.unwrap().is_ok() && body.next().await.unwrap().is_ok());
        assert!(body.next().await.unwrap().is_err());
        gauge.found();
        assert!(body.next().await.unwrap().is_ok());
        gauge.seek();
        assert!(body.next().await.unwrap().is_ok());
    }
}
