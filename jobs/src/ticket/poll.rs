//! When apalis looks into Redis: when somebody woke it, and every so often anyway.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use apalis::prelude::{PollSnapshot, PollStrategy};
use futures::{FutureExt, StreamExt, channel::mpsc};
use tokio::time::{Sleep, sleep};

/// A fetch that began just before the push may miss it; this much later it cannot.
const SECOND_LOOK: Duration = Duration::from_millis(3);

/// Polls on a wake-up and at an interval.
///
/// The strategies that apalis brings return ready without registering a waker
/// again, and a worker then sleeps until its next heartbeat. This one polls its
/// timers until they are pending, so a waker is always registered.
pub(super) struct WakePoll {
    every: Duration,
    tick: Pin<Box<Sleep>>,
    wakes: mpsc::Receiver<()>,
    second_look: Option<Pin<Box<Sleep>>>,
}

impl WakePoll {
    pub(super) fn new(every: Duration, wakes: mpsc::Receiver<()>) -> Self {
        Self { every, tick: Box::pin(sleep(every)), wakes, second_look: None }
    }
}

impl PollStrategy for WakePoll {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let mut woken = false;
        while let Poll::Ready(Some(())) = self.wakes.poll_next_unpin(cx) {
            woken = true;
        }
        if woken {
            cx.waker().wake_by_ref();
            self.second_look = Some(Box::pin(sleep(SECOND_LOOK)));
        }
        if let Some(look) = &mut self.second_look
            && look.poll_unpin(cx).is_ready()
        {
            self.second_look = None;
            cx.waker().wake_by_ref();
        }
        while self.tick.as_mut().poll(cx).is_ready() {
            self.tick = Box::pin(sleep(self.every));
        }
        Poll::Pending
    }
}
