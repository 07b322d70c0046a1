//! What is about to be sent goes along with what has been sent.

use tokio::{sync::mpsc, task::yield_now};

/// Those who are about to send: of tasks that were woken together the others would be too late by a moment. As long as it brings one
/// more to let them run, there may be another.
pub async fn let_others_come_along<T>(sent: &mut mpsc::Receiver<T>, group: &mut Vec<T>, most: usize) {
    let mut before = 0;
    while before < group.len() && group.len() < most {
        before = group.len();
        yield_now().await;
        while group.len() < most
            && let Ok(one) = sent.try_recv()
        {
            group.push(one);
        }
    }
}
